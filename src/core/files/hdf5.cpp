#include "core/files/hdf5.h"

#include <fmt/format.h>

#include <atomic>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/hdf5_calls.h"

namespace waiver {
using namespace hdf5;
namespace fs = std::filesystem;
namespace {

constexpr size_t kSealBytes = 512;  // the smallest user block of HDF5
constexpr std::string_view kSeal = "HDF5 follows after 512 bytes. CRC-32 of what follows: ";

/// The user block that precedes `rest`.
std::string seal_of(std::string_view rest) {
  std::string seal = fmt::format("{}{:08x}\n", kSeal, crc32_of(std::as_bytes(std::span(rest))));
  seal.resize(kSealBytes);
  return seal;
}

void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

// HDF5 takes files of the same name for the same file, so every file in memory has a name of its
// own.
std::string fresh_name() {
  static std::atomic<int64_t> count = 0;
  return ":waiver:" + std::to_string(count++);
}

Handle memory_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, size_t{1} << 20, false);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  return access;
}

void write_attribute(hid_t file, const Place& at, const std::string& name, hid_t type,
                     const void* value) {
  const Handle object(at.check(H5Oopen(file, at.object.c_str(), H5P_DEFAULT), "it is missing"),
                      H5Oclose);
  if (H5Aexists(object, name.c_str()) > 0) H5Adelete(object, name.c_str());
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      at.check(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
               "the attribute cannot be created"),
      H5Aclose);
  at.check(H5Awrite(attribute, type, value), "the attribute cannot be written");
}

void read_attribute(hid_t file, const Place& at, const std::string& name, hid_t type, void* value) {
  const std::string what = "its attribute '" + name + "' is missing or unreadable";
  const Handle attribute(
      at.check(H5Aopen_by_name(file, at.object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
               what.c_str()),
      H5Aclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  if (H5Sget_simple_extent_npoints(space) != 1) fail(at.file, at.object, what);
  at.check(H5Aread(attribute, type, value), what.c_str());
}

}  // namespace

H5File H5File::create(fs::path path, bool sealed) {
  silence();
  const Handle properties = untimed(H5P_FILE_CREATE), access = memory_access();
  if (sealed) H5Pset_userblock(properties, kSealBytes);
  const hid_t file = H5Fcreate(fresh_name().c_str(), H5F_ACC_TRUNC, properties, access);
  if (file < 0) fail(path, "", "no HDF5 file can be created in memory");
  return {file, std::move(path), sealed};
}

H5File H5File::open(fs::path path) {
  silence();
  std::string bytes = read_file(path);
  if (bytes.empty()) throw Error(path.string(), "the file is empty");
  const bool sealed = bytes.starts_with(kSeal);
  if (sealed ? bytes.size() <= kSealBytes : !bytes.starts_with("\x89HDF\r\n\x1a\n"))
    throw Error(path.string(), "this is not an HDF5 file", "Another file may lie in its place.");
  if (sealed && !bytes.starts_with(seal_of(std::string_view(bytes).substr(kSealBytes))))
    throw Error(path.string(), "its checksum is wrong, so the file is truncated or damaged");
  const Handle access = memory_access();
  H5Pset_file_image(access, bytes.data(), bytes.size());
  std::string().swap(bytes);  // HDF5 copies its copy once more
  const hid_t file = H5Fopen(fresh_name().c_str(), H5F_ACC_RDWR, access);
  if (file < 0) fail(path, "", "the file is truncated or damaged");
  return {file, std::move(path), sealed};
}

H5File::H5File(H5File&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      path_(std::move(other.path_)),
      sealed_(other.sealed_) {}

H5File& H5File::operator=(H5File&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(path_, other.path_);
  std::swap(sealed_, other.sealed_);
  return *this;
}

H5File::~H5File() {
  if (file_ >= 0) H5Fclose(file_);
}

void H5File::save() const {
  const Place at{path_, ""};
  at.check(H5Fflush(file_, H5F_SCOPE_GLOBAL), "the data cannot be gathered");
  const ssize_t size = at.check(H5Fget_file_image(file_, nullptr, 0), "the data has no size");
  std::string bytes(static_cast<size_t>(size), '\0');
  at.check(H5Fget_file_image(file_, bytes.data(), bytes.size()), "the data cannot be gathered");
  if (sealed_) bytes.insert(0, seal_of(bytes));  // HDF5 omits the user block
  write_atomically(path_, bytes);
}

void H5File::make_group(const std::string& group) {
  if (group.empty() || group == "/" || has(group)) return;
  make_group(parent(group));
  const Handle properties = untimed(H5P_GROUP_CREATE);
  const Handle made(Place{path_, group}.check(
                        H5Gcreate2(file_, group.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT),
                        "the group cannot be created"),
                    H5Gclose);
}

bool H5File::has(const std::string& object) const {
  return H5Lexists(file_, object.c_str(), H5P_DEFAULT) > 0;
}

bool H5File::is_dataset(const std::string& object) const {
  H5O_info_t info;
  return H5Oget_info_by_name(file_, object.c_str(), &info, H5P_DEFAULT) >= 0 &&
         info.type == H5O_TYPE_DATASET;
}

std::vector<std::string> H5File::names(const std::string& group) const {
  std::vector<std::string> names;
  const H5L_iterate_t add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  Place{path_, group}.check(H5Literate_by_name(file_, group.c_str(), H5_INDEX_NAME, H5_ITER_INC,
                                               nullptr, add, &names, H5P_DEFAULT),
                            "there is no such group");
  return names;
}

void H5File::remove(const std::string& dataset) {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at);
  const H5DS_iterate_t keep = [](hid_t, unsigned, hid_t scale, void* out) -> herr_t {
    static_cast<std::vector<Handle>*>(out)->emplace_back(scale, H5Oclose);
    H5Iinc_ref(scale);  // HDF5 closes it after this call
    return 0;
  };
  const auto rank = static_cast<unsigned>(shape(dataset).size());
  for (unsigned axis = 0; axis < rank; ++axis) {
    std::vector<Handle> scales;
    H5DSiterate_scales(data, axis, nullptr, keep, &scales);
    for (const Handle& scale : scales)
      at.check(H5DSdetach_scale(data, scale, axis), "a scale cannot be detached");
  }
  at.check(H5Ldelete(file_, dataset.c_str(), H5P_DEFAULT), "it cannot be removed");
}

bool H5File::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

void H5File::set_attribute(const std::string& object, const std::string& name,
                           const std::string& value) {
  const char* text = value.c_str();
  write_attribute(file_, {path_, object}, name, string_type(), &text);
}

void H5File::set_attribute(const std::string& object, const std::string& name, int64_t value) {
  write_attribute(file_, {path_, object}, name, H5T_NATIVE_INT64, &value);
}

std::string H5File::string_attribute(const std::string& object, const std::string& name) const {
  char* text = nullptr;
  read_attribute(file_, {path_, object}, name, string_type(), &text);
  const std::string value = text ? text : "";
  H5free_memory(text);
  return value;
}

int64_t H5File::int_attribute(const std::string& object, const std::string& name) const {
  int64_t value = 0;
  read_attribute(file_, {path_, object}, name, H5T_NATIVE_INT64, &value);
  return value;
}

void H5File::make_scale(const std::string& dataset, const std::string& name) {
  const Place at{path_, dataset};
  at.check(H5DSset_scale(open_dataset(file_, at), name.c_str()), "it cannot be a scale");
}

void H5File::attach_scale(const std::string& dataset, int axis, const std::string& scale) {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at), steps = open_dataset(file_, {path_, scale});
  const auto index = static_cast<unsigned>(axis);
  at.check(H5DSattach_scale(data, steps, index), "its scale cannot be attached");
  const std::string label = scale.substr(scale.rfind('/') + 1);
  at.check(H5DSset_label(data, index, label.c_str()), "its axis cannot be labelled");
}

std::vector<std::string> H5File::labels(const std::string& dataset) const {
  const Handle data = open_dataset(file_, {path_, dataset});
  std::vector<std::string> labels(extents_of(dataset_space(data)).size());
  for (size_t axis = 0; axis < labels.size(); ++axis) {
    char text[256] = {};
    if (H5DSget_label(data, static_cast<unsigned>(axis), text, sizeof text) > 0)
      labels[axis] = text;
  }
  return labels;
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("HDF5 {}.{}.{}", major, minor, release);
}

}  // namespace waiver
