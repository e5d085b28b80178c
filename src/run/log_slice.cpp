#include "run/log_slice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>

#include "config/suggest.h"
#include "core/error.h"
#include "core/text/printable.h"

namespace waiver {
namespace {

constexpr char kHowToChoose[] =
    "Write what is taken along its axes as 'probe/received_attention[layer=1,head=0,step=0-100]'.";

/// `GROUP/NAME[AXIS=PLACES,…]`, cut up.
struct SliceRequest {
  std::string name;                           // with its group or without
  std::map<std::string, std::string> chosen;  // by axis

  explicit SliceRequest(const std::string& text) : name(text.substr(0, text.find('['))) {
    if (name.size() == text.size()) return;
    if (!text.ends_with(']')) throw UsageError(text, "a ] is missing at its end", kHowToChoose);
    std::string rest = text.substr(name.size() + 1, text.size() - name.size() - 2);
    while (!rest.empty()) {
      const std::string one = rest.substr(0, rest.find(','));
      rest.erase(0, one.size() + 1);
      const size_t equals = one.find('=');
      if (equals == one.npos || equals == 0 || equals + 1 == one.size())
        throw UsageError(text, fmt::format("'{}' is not AXIS=PLACE", one), kHowToChoose);
      if (!chosen.emplace(one.substr(0, equals), one.substr(equals + 1)).second)
        throw UsageError(text, fmt::format("{} is chosen twice", one.substr(0, equals)));
    }
  }
};

struct SliceName {
  std::string group, name;
};

SliceName find_name(const Log& log, const std::string& wanted) {
  std::vector<std::string> known, full;
  SliceName found;
  for (const std::string& group : log.groups())
    for (const std::string& name : log.names(group)) {
      const std::string whole = group + "/" + name;
      known.push_back(wanted.find('/') == wanted.npos ? name : whole);
      if (wanted != name && wanted != whole) continue;
      full.push_back(whole);
      found = {group, name};
    }
  if (full.size() == 1) return found;
  if (full.size() > 1)
    throw UsageError(wanted, "several groups of the log have it",
                     fmt::format("Write {}.", join_or(full)));
  std::vector<Choice> choices;
  for (const std::string& name : known) choices.push_back({name, ""});
  std::string hint = nearest_choice(choices, wanted);
  if (hint.empty()) hint = fmt::format("waiver log {} lists all.", log.path().string());
  throw UsageError(wanted, fmt::format("{} has no such series", log.path().string()), hint);
}

/// The places along one axis, of which some are chosen.
class SliceAxis {
 public:
  SliceAxis(std::string request, std::string axis, std::vector<int64_t> places)
      : request_(std::move(request)), axis_(std::move(axis)), places_(std::move(places)) {}

  /// Which of them the text names, by number.
  std::vector<int64_t> chosen(const std::string& text) const {
    const size_t dash = text.find('-', 1);
    const int64_t low = place(text.substr(0, dash), text);
    const int64_t high = dash == text.npos ? low : place(text.substr(dash + 1), text);
    std::vector<int64_t> out;
    for (size_t i = 0; i < places_.size(); ++i)
      if (places_[i] >= low && places_[i] <= high) out.push_back(static_cast<int64_t>(i));
    if (out.empty()) refuse(fmt::format("there is no {} {}", axis_, text));
    return out;
  }

 private:
  int64_t place(const std::string& word, const std::string& text) const {
    if (word == "last" && !places_.empty()) return places_.back();
    int64_t number = 0;
    const char* end = word.data() + word.size();
    const auto [at, problem] = std::from_chars(word.data(), end, number);
    if (word.empty() || problem != std::errc() || at != end)
      refuse(fmt::format("'{}' is no {}: a number, a range as 0-10, or last", text, axis_));
    return number;
  }
  [[noreturn]] void refuse(const std::string& what) const {
    constexpr size_t kFew = 12;
    std::string there = "It has none.";
    if (!places_.empty() && places_.size() <= kFew)
      there = fmt::format("It has {}.", fmt::join(places_, ", "));
    else if (!places_.empty())
      there =
          fmt::format("It has {} from {} to {}.", places_.size(), places_.front(), places_.back());
    throw UsageError(request_, what, there);
  }

  std::string request_, axis_;
  std::vector<int64_t> places_;
};

// Of the row-major array with this shape, the elements whose indices are taken along every axis.
template <class T>
std::vector<T> taken_of(const std::vector<T>& all, const std::vector<int64_t>& shape,
                        const std::vector<std::vector<int64_t>>& taken) {
  std::vector<int64_t> offsets = {0};
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<int64_t> next;
    for (const int64_t offset : offsets)
      for (const int64_t i : taken[axis]) next.push_back(offset * shape[axis] + i);
    offsets = std::move(next);
  }
  std::vector<T> out;
  for (const int64_t offset : offsets) out.push_back(all.at(static_cast<size_t>(offset)));
  return out;
}

// What a log that someone else wrote may lack.
SeriesSpec spec_of(const Log& log, const SliceName& at, size_t axes) {
  SeriesSpec spec = log.spec(at.group, at.name);
  spec.axes.resize(axes);
  for (size_t i = 0; i < axes; ++i)
    if (spec.axes[i].empty()) spec.axes[i] = fmt::format("axis{}", i);
  return spec;
}

std::vector<int64_t> places_of(const Log& log, const SeriesSpec& spec, size_t axis, int64_t size) {
  if (axis == 0 && spec.axes[0] == "step") return log.steps(spec.group);
  std::vector<int64_t> places(static_cast<size_t>(size));
  std::iota(places.begin(), places.end(), 0);
  return places;
}

LogSlice read_chosen(const Log& log, const SliceName& at, const std::string& text,
                     const std::map<std::string, std::string>& chosen) {
  const std::vector<int64_t> shape = log.shape(at.group, at.name);
  LogSlice out{spec_of(log, at, shape.size()), log.element(at.group, at.name), {}, {}, {}};
  const std::vector<std::string>& axes = out.spec.axes;
  for (const auto& [axis, places] : chosen)
    if (std::ranges::find(axes, axis) == axes.end())
      throw UsageError(
          text, fmt::format("it has no axis {}", axis),
          axes.empty() ? "It is one value." : fmt::format("It has {}.", join_or(axes, "and")));
  std::vector<std::vector<int64_t>> taken;
  for (size_t i = 0; i < shape.size(); ++i) {
    const std::vector<int64_t> places = places_of(log, out.spec, i, shape[i]);
    taken.emplace_back(places.size());
    std::iota(taken.back().begin(), taken.back().end(), 0);
    if (const auto which = chosen.find(axes[i]); which != chosen.end())
      taken.back() = SliceAxis(text, axes[i], places).chosen(which->second);
    out.places.emplace_back();
    for (const int64_t t : taken.back()) out.places.back().push_back(places[t]);
  }
  if (out.is_text())
    out.texts = taken_of(log.strings(at.group, at.name), shape, taken);
  else
    out.numbers = taken_of(log.read(at.group, at.name).values, shape, taken);
  return out;
}

}  // namespace

bool LogSlice::is_undefined(size_t at) const { return !is_text() && std::isnan(numbers[at]); }

std::string LogSlice::text(size_t at) const {
  if (is_text()) return texts[at];
  if (std::isnan(numbers[at])) return "nan";
  if (element == H5File::Element::int64) return std::to_string(static_cast<int64_t>(numbers[at]));
  return element == H5File::Element::float32 ? fmt::format("{}", static_cast<float>(numbers[at]))
                                             : fmt::format("{}", numbers[at]);
}

int64_t LogSlice::rows() const { return places.empty() ? 1 : std::ssize(places[0]); }

int64_t LogSlice::row_size() const {
  int64_t size = 1;
  for (size_t axis = 1; axis < places.size(); ++axis) size *= std::ssize(places[axis]);
  return size;
}

std::string LogSlice::row_axis() const { return places.empty() ? "" : spec.axes[0]; }

int64_t LogSlice::stride(size_t axis) const {
  int64_t stride = 1;
  while (++axis < places.size()) stride *= std::ssize(places[axis]);
  return stride;
}

std::string LogSlice::place_text(int64_t at, size_t along) const {
  std::vector<std::string> parts;
  for (size_t axis = 1; axis < places.size(); ++axis) {
    parts.push_back(spec.axes[axis]);
    if (axis != along)
      parts.back() +=
          fmt::format("={}", places[axis][at / stride(axis) % std::ssize(places[axis])]);
  }
  return fmt::format("[{}]", fmt::join(parts, ","));
}

LogSlice read_slice(const Log& log, const std::string& request) {
  const SliceRequest wanted(request);
  return read_chosen(log, find_name(log, wanted.name), request, wanted.chosen);
}

LogSlice read_slice(const Log& log, const std::string& group, const std::string& name) {
  return read_chosen(log, {group, name}, group + "/" + name, {});
}

}  // namespace waiver
