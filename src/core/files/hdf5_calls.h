#pragma once

// Shared by the two source files of H5File. No other file includes HDF5.

#define H5_USE_110_API  // the API of 1.10, whatever the version
#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace waiver::hdf5 {

/// An HDF5 identifier, closed at the end of its scope.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

/// Where HDF5 first ran into the problem, in its own words.
inline std::string reason() {
  std::string text;
  const H5E_walk2_t first = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
    auto& words = *static_cast<std::string*>(out);
    if (words.empty() && error->desc) words = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &text);
  return text.empty() ? "" : " (HDF5 says: " + text + ")";
}

[[noreturn]] inline void fail(const std::filesystem::path& file, const std::string& object,
                              const std::string& what) {
  throw Error(file.string() + (object.empty() ? "" : ":" + object), what + reason(),
              "The file may be damaged, or not written by this program.");
}

/// What every call into HDF5 needs to name in its errors.
struct Place {
  const std::filesystem::path& file;
  const std::string& object;

  template <class T>
  T check(T result, const char* what) const {
    if (result < 0) fail(file, object, what);
    return result;
  }
};

inline Handle untimed(hid_t property_class) {
  Handle properties(H5Pcreate(property_class), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

inline Handle string_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

inline std::vector<hsize_t> extents_of(hid_t space) {
  std::vector<hsize_t> shape(std::max(0, H5Sget_simple_extent_ndims(space)));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  return shape;
}

inline std::string parent(const std::string& object) { return object.substr(0, object.rfind('/')); }

inline Handle open_dataset(hid_t file, const Place& at) {
  return Handle(at.check(H5Dopen2(file, at.object.c_str(), H5P_DEFAULT), "there is no such data"),
                H5Dclose);
}

inline Handle dataset_space(hid_t dataset) { return Handle(H5Dget_space(dataset), H5Sclose); }

}  // namespace waiver::hdf5
