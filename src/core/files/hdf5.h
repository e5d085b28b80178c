#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace waiver {

/// An HDF5 file that lives in memory and is written to disk whole: `save` replaces the file at its
/// path in one step, so that a run killed at any moment leaves a file that opens. Objects carry no
/// time stamps: equal contents, written in the same order, give equal bytes.
///
/// Objects are named by full paths (`/probe/step`); the root is `/`. T is int64_t, float or double;
/// numbers are converted when a dataset is read as another T. Strings are UTF-8 of variable length
/// and end at their first zero byte. Every failure is an Error that names the file and the object.
class H5File {
 public:
  using Extents = std::vector<int64_t>;

  /// `extendible`: rows (the first axis) can be added and removed. `checksum`: every chunk carries
  /// a Fletcher-32 checksum, and reading a damaged one fails.
  struct Layout {
    bool extendible = false;
    bool checksum = false;
  };

  /// A new file, on disk from the first `save` on. A sealed one begins with a user block of 512
  /// bytes, a line of text with the CRC-32 of all that follows.
  static H5File create(std::filesystem::path path, bool sealed = false);
  /// Reads a file; refuses one that is missing, empty, truncated or not HDF5, and a sealed one with
  /// any byte changed, before HDF5 sees it: damaged metadata can lead HDF5 anywhere.
  static H5File open(std::filesystem::path path);
  H5File(H5File&& other) noexcept;
  H5File& operator=(H5File&& other) noexcept;
  ~H5File();
  void save() const;
  const std::filesystem::path& path() const { return path_; }
  /// From now on it is saved there.
  void set_path(std::filesystem::path path) { path_ = std::move(path); }
  bool sealed() const { return sealed_; }

  void make_group(const std::string& group);
  bool has(const std::string& object) const;
  bool is_dataset(const std::string& object) const;
  /// The names in a group, sorted.
  std::vector<std::string> names(const std::string& group) const;
  /// Removes a dataset and detaches its scales.
  void remove(const std::string& dataset);

  /// A new dataset, along with the groups on its path.
  template <class T>
  void write(const std::string& dataset, std::span<const T> values, const Extents& shape,
             Layout layout);
  void write(const std::string& dataset, std::span<const std::string> values, const Extents& shape);
  /// Adds whole rows to an extendible dataset.
  template <class T>
  void append(const std::string& dataset, std::span<const T> rows);
  /// Keeps the first `rows` rows.
  void truncate(const std::string& dataset, int64_t rows);

  Extents shape(const std::string& dataset) const;
  /// What its elements are; integers of any width are int64.
  enum class Element { int64, float32, float64, text };
  Element element(const std::string& dataset) const;
  template <class T>
  std::vector<T> read(const std::string& dataset) const;
  /// Rows begin … end − 1.
  template <class T>
  std::vector<T> read_rows(const std::string& dataset, int64_t begin, int64_t end) const;
  std::vector<std::string> read_strings(const std::string& dataset) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  void set_attribute(const std::string& object, const std::string& name, const std::string& value);
  void set_attribute(const std::string& object, const std::string& name, int64_t value);
  std::string string_attribute(const std::string& object, const std::string& name) const;
  int64_t int_attribute(const std::string& object, const std::string& name) const;

  /// Turns a one-dimensional dataset into a dimension scale.
  void make_scale(const std::string& dataset, const std::string& name);
  /// Attaches a scale to an axis and labels the axis with the scale's name.
  void attach_scale(const std::string& dataset, int axis, const std::string& scale);
  /// The labels of all axes, empty where an axis has none.
  std::vector<std::string> labels(const std::string& dataset) const;

 private:
  H5File(int64_t file, std::filesystem::path path, bool sealed)
      : file_(file), path_(std::move(path)), sealed_(sealed) {}

  int64_t file_ = -1;  // HDF5's identifier of it
  std::filesystem::path path_;
  bool sealed_ = false;
};

/// Version of the HDF5 library, as `HDF5 1.10.8`.
std::string hdf5_version();

}  // namespace waiver
