#include "probe/metrics/shared.h"

namespace waiver {

void collect(std::span<const std::unique_ptr<Metric>> metrics, Ranks& ranks) {
  std::vector<int64_t> sizes;  // of each metric the number of series, and of each its numbers
  std::vector<float> numbers;
  for (int64_t i = 0; i < std::ssize(metrics); ++i) {
    if (!is_own(i, ranks)) continue;
    sizes.push_back(std::ssize(metrics[i]->values()));
    for (const std::vector<float>& values : metrics[i]->values()) {
      sizes.push_back(std::ssize(values));
      numbers.insert(numbers.end(), values.begin(), values.end());
    }
  }
  const auto all_sizes = ranks.gather(sizes);
  const auto all_numbers = ranks.gather(numbers);
  std::vector<const int64_t*> size;
  std::vector<const float*> at;
  for (int64_t r = 0; r < ranks.count(); ++r) {
    size.push_back(all_sizes[r].data());
    at.push_back(all_numbers[r].data());
  }
  for (int64_t i = 0; i < std::ssize(metrics); ++i) {
    const int64_t rank = i % ranks.count();
    std::vector<std::vector<float>> series(static_cast<size_t>(*size[rank]++));
    for (std::vector<float>& values : series) {
      const int64_t count = *size[rank]++;
      values.assign(at[rank], at[rank] + count);
      at[rank] += count;
    }
    metrics[i]->take(std::move(series));
  }
}

}  // namespace waiver
