#include "run/log_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

constexpr char kLogFormat[] = "waiver log";
constexpr int64_t kVersion = 1;
constexpr char kStep[] = "step";
constexpr char kTiming[] = "timing";  // the one group that depends on time

std::string path_of(const std::string& group, const std::string& name) {
  return "/" + group + "/" + name;
}

int64_t product(std::span<const int64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

Log Log::create(fs::path path, const Axes& axes, const std::string& config,
                const std::string& identity) {
  Log log(H5File::create(std::move(path), true));
  log.set_attribute("format", kLogFormat);
  log.file_.set_attribute("/", "format_version", kVersion);
  log.set_attribute("config", config);
  if (!identity.empty()) log.set_attribute("identity", identity);
  for (const auto& [name, size] : axes) {
    std::vector<int64_t> values(static_cast<size_t>(size));
    std::iota(values.begin(), values.end(), 0);
    log.file_.write<int64_t>("/" + name, values, {size}, {});
    log.file_.make_scale("/" + name, name);
  }
  log.axes_ = axes;
  return log;
}

Log Log::open(fs::path path) {
  Log log(H5File::open(std::move(path)));
  const std::string where = log.path().string();
  if (log.attribute("format") != kLogFormat)
    throw Error(where, "this is an HDF5 file, but not the log of a run");
  const int64_t version = log.file_.int_attribute("/", "format_version");
  if (version != kVersion)
    throw Error(where,
                fmt::format("its format version is {}; this program reads {}", version, kVersion),
                "Use the program that wrote it.");
  log.load();
  return log;
}

bool Log::is_log(const fs::path& path) {
  try {
    Log::open(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void Log::add_series(Sha256& sum, const std::string& dataset, int64_t rows,
                     int64_t row_size) const {
  constexpr int64_t kNumbers = int64_t{1} << 18;  // at a time
  const int64_t part = std::max<int64_t>(1, kNumbers / std::max<int64_t>(1, row_size));
  sum.add(fmt::format("{} {} {}\n", dataset, rows, row_size));
  for (int64_t begin = 0; begin < rows; begin += part) {
    auto numbers = file_.read_rows<double>(dataset, begin, std::min(rows, begin + part));
    for (double& x : numbers)
      if (std::isnan(x)) x = std::numeric_limits<double>::quiet_NaN();  // one of the many NaNs
    sum.add({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)});
  }
}

std::string Log::digest(int64_t before) const {
  Sha256 sum;
  for (const auto& [name, group] : series_) {
    if (name == kTiming) continue;
    const auto all = steps(name);
    const int64_t rows = std::ranges::lower_bound(all, before) - all.begin();
    add_series(sum, path_of(name, kStep), rows, 1);
    for (const auto& [series, size] : group.row_sizes)
      add_series(sum, path_of(name, series), rows, size);
  }
  return sum.digest();
}

void Log::load() {
  for (const std::string& name : file_.names("/"))
    if (file_.is_dataset("/" + name)) axes_[name] = file_.shape("/" + name).at(0);
  for (const std::string& group : groups()) {
    if (!has(group, kStep)) continue;
    Group& loaded = series_[group];
    const auto all = steps(group);
    loaded.rows = std::ssize(all);
    if (loaded.rows > 0) loaded.last = all.back();
    for (const std::string& name : names(group)) {
      const std::string dataset = path_of(group, name);
      const auto labels = file_.labels(dataset);
      if (labels.empty() || labels[0] != kStep) continue;
      const auto shape = file_.shape(dataset);
      if (shape[0] != loaded.rows)
        throw Error(path().string() + ":" + dataset,
                    fmt::format("it has {} rows for {} steps", shape[0], loaded.rows));
      loaded.row_sizes[name] = product(std::span(shape).subspan(1));
    }
  }
}

std::vector<int64_t> Log::extents(const SeriesSpec& spec) const {
  std::vector<int64_t> out;
  for (const std::string& axis : spec.axes) {
    if (!axes_.contains(axis)) {
      std::vector<std::string> known;
      for (const auto& [name, size] : axes_) known.push_back(name);
      throw Error(path().string() + ":" + path_of(spec.group, spec.name),
                  fmt::format("the log has no axis '{}', only {}", axis, fmt::join(known, ", ")));
    }
    out.push_back(axes_.at(axis));
  }
  return out;
}

void Log::describe(const std::string& dataset, const SeriesSpec& spec, bool series) {
  if (series) file_.attach_scale(dataset, 0, path_of(spec.group, kStep));
  for (size_t axis = 0; axis < spec.axes.size(); ++axis)
    file_.attach_scale(dataset, static_cast<int>(axis) + series, "/" + spec.axes[axis]);
  file_.set_attribute(dataset, "units", spec.units);
  file_.set_attribute(dataset, "long_name", spec.long_name);
  file_.set_attribute(dataset, "description", spec.description);
  file_.set_attribute(dataset, "range", interval_text(spec.range));
}

Log::Group& Log::group_with_steps(const std::string& name) {
  const std::string dataset = path_of(name, kStep);
  if (!file_.has("/" + name) || !file_.has(dataset)) {
    file_.write<int64_t>(dataset, {}, {0}, {.extendible = true});
    file_.make_scale(dataset, kStep);
    file_.set_attribute(dataset, "units", std::string("1"));
    file_.set_attribute(dataset, "long_name", std::string("training step"));
    file_.set_attribute(dataset, "description", std::string("updates made before the row"));
  }
  return series_[name];
}

void Log::define(const SeriesSpec& spec) {
  const std::string dataset = path_of(spec.group, spec.name);
  const std::string where = path().string() + ":" + dataset;
  std::vector<int64_t> shape = extents(spec);
  const int64_t row_size = product(shape);
  if (has(spec.group, spec.name)) {
    std::vector<std::string> wanted = spec.axes;
    wanted.insert(wanted.begin(), kStep);
    const auto found = file_.labels(dataset);
    if (found == wanted) return;
    throw Error(where, fmt::format("the log has it with the axes [{}], now it has [{}]",
                                   fmt::join(found, ", "), fmt::join(wanted, ", ")));
  }
  Group& group = group_with_steps(spec.group);
  if (group.rows > 0)
    throw Error(where,
                fmt::format("the log was started without this series and has {} rows", group.rows));
  shape.insert(shape.begin(), 0);
  if (spec.axes.empty())
    file_.write<double>(dataset, {}, shape, {.extendible = true});
  else
    file_.write<float>(dataset, {}, shape, {.extendible = true});
  describe(dataset, spec, true);
  group.row_sizes[spec.name] = row_size;
}

void Log::check_row(const std::string& group, int64_t step, const Row& row) const {
  const std::string where = path().string() + ":/" + group;
  if (!series_.contains(group)) throw Error(where, "the log has no series in this group");
  const Group& known = series_.at(group);
  if (known.rows > 0 && step <= known.last)
    throw Error(where,
                fmt::format("a row of step {} cannot follow one of step {}", step, known.last));
  std::map<std::string, int64_t> given;
  for (const auto& [name, numbers] : row) {
    const auto size = std::visit([](auto span) { return std::ssize(span); }, numbers);
    if (!known.row_sizes.contains(name)) throw Error(where, "it has no series '" + name + "'");
    if (size != known.row_sizes.at(name))
      throw Error(where, fmt::format("'{}' has {} numbers a row, {} were given", name,
                                     known.row_sizes.at(name), size));
    if (!given.emplace(name, size).second) throw Error(where, "'" + name + "' was given twice");
  }
  for (const auto& [name, size] : known.row_sizes)
    if (!given.contains(name))
      throw Error(where, fmt::format("the row of step {} lacks '{}'", step, name));
}

void Log::append(const std::string& group, int64_t step, const Row& row) {
  check_row(group, step, row);
  for (const auto& [name, numbers] : row) {
    const std::string dataset = path_of(group, name);
    std::visit([&](auto values) { file_.append(dataset, values); }, numbers);
  }
  file_.append<int64_t>(path_of(group, kStep), std::span(&step, 1));
  Group& grown = series_.at(group);
  ++grown.rows;
  grown.last = step;
}

void Log::shrink(int64_t step) {
  for (auto& [name, group] : series_) {
    const auto all = steps(name);
    const int64_t rows = std::ranges::lower_bound(all, step) - all.begin();
    for (const auto& [series, size] : group.row_sizes) file_.truncate(path_of(name, series), rows);
    file_.truncate(path_of(name, kStep), rows);
    group.rows = rows;
    group.last = rows > 0 ? all[rows - 1] : 0;
  }
}

template <class T>
void Log::set_values(const SeriesSpec& spec, std::span<const T> values) {
  const std::string dataset = path_of(spec.group, spec.name);
  const auto shape = extents(spec);
  const std::string where = path().string() + ":" + dataset;
  if (product(shape) != std::ssize(values))
    throw Error(where, fmt::format("its axes [{}] hold {} values, {} were given",
                                   fmt::join(spec.axes, ", "), product(shape), values.size()));
  if (has(spec.group, spec.name)) {
    const auto labels = file_.labels(dataset);
    if (spec.name == kStep || (!labels.empty() && labels[0] == kStep))
      throw Error(where, "the log has a series of this name");
    file_.remove(dataset);
  }
  if constexpr (std::is_same_v<T, std::string>)
    file_.write(dataset, values, shape);
  else
    file_.write<T>(dataset, values, shape, {});
  describe(dataset, spec, false);
}

void Log::set(const SeriesSpec& spec, std::span<const double> values) { set_values(spec, values); }
void Log::set(const SeriesSpec& spec, std::span<const float> values) { set_values(spec, values); }
void Log::set(const SeriesSpec& spec, std::span<const int64_t> values) { set_values(spec, values); }
void Log::set(const SeriesSpec& spec, std::span<const std::string> values) {
  set_values(spec, values);
}

std::vector<std::string> Log::groups() const {
  auto found = file_.names("/");
  std::erase_if(found, [&](const std::string& name) { return file_.is_dataset("/" + name); });
  return found;
}

std::vector<std::string> Log::names(const std::string& group) const {
  if (!file_.has("/" + group)) return {};
  auto found = file_.names("/" + group);
  std::erase(found, kStep);
  return found;
}

bool Log::has(const std::string& group, const std::string& name) const {
  return file_.has("/" + group) && file_.has(path_of(group, name));
}

SeriesSpec Log::spec(const std::string& group, const std::string& name) const {
  const std::string dataset = path_of(group, name);
  auto text = [&](const char* key) { return file_.string_attribute(dataset, key); };
  return {
      group, name, file_.labels(dataset), text("units"), text("long_name"), text("description")};
}

std::vector<int64_t> Log::shape(const std::string& group, const std::string& name) const {
  return file_.shape(path_of(group, name));
}

H5File::Element Log::element(const std::string& group, const std::string& name) const {
  return file_.element(path_of(group, name));
}

std::vector<int64_t> Log::steps(const std::string& group) const {
  return has(group, kStep) ? file_.read<int64_t>(path_of(group, kStep)) : std::vector<int64_t>{};
}

Log::Data Log::read(const std::string& group, const std::string& name) const {
  const std::string dataset = path_of(group, name);
  return {file_.shape(dataset), file_.read<double>(dataset)};
}

std::vector<double> Log::Data::over_rows(int64_t place) const {
  const int64_t rows = shape[0], row = std::ssize(values) / std::max<int64_t>(rows, 1);
  std::vector<double> out(rows);
  for (int64_t i = 0; i < rows; ++i) out[i] = values[i * row + place];
  return out;
}

Log::Data Log::read_rows(const std::string& group, const std::string& name, int64_t begin,
                         int64_t end) const {
  const std::string dataset = path_of(group, name);
  auto shape = file_.shape(dataset);
  auto values = file_.read_rows<double>(dataset, begin, end);
  shape[0] = end - begin;
  return {std::move(shape), std::move(values)};
}

std::vector<std::string> Log::strings(const std::string& group, const std::string& name) const {
  return file_.read_strings(path_of(group, name));
}

}  // namespace waiver
