#include "core/files/hdf5.h"
#include "core/files/hdf5_calls.h"

namespace waiver {
using namespace hdf5;
namespace {

constexpr size_t kSmallChunk = size_t{16} << 10;  // bytes of a chunk of short rows
constexpr size_t kLargeChunk = size_t{1} << 20;   // no chunk is larger

template <class T>
hid_t number_type();
template <>
hid_t number_type<int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
hid_t number_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t number_type<double>() {
  return H5T_NATIVE_DOUBLE;
}

size_t count(const std::vector<hsize_t>& shape) {
  size_t n = 1;
  for (const hsize_t extent : shape) n *= extent;
  return n;
}

/// Whole rows where they are short, parts of a row where it is long.
std::vector<hsize_t> chunk_for(std::vector<hsize_t> shape, bool extendible, size_t element) {
  for (hsize_t& extent : shape) extent = std::max<hsize_t>(extent, 1);
  if (extendible) {
    shape[0] = 1;
    shape[0] = std::max<hsize_t>(1, kSmallChunk / (count(shape) * element));
  }
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const size_t rest = count(shape) / shape[axis] * element;
    shape[axis] = std::min<hsize_t>(shape[axis], std::max<hsize_t>(1, kLargeChunk / rest));
  }
  return shape;
}

Handle layout_for(const std::vector<hsize_t>& shape, H5File::Layout layout, size_t element) {
  Handle properties = untimed(H5P_DATASET_CREATE);
  if (!shape.empty() && (layout.extendible || layout.checksum)) {
    const auto chunk = chunk_for(shape, layout.extendible, element);
    H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
    if (layout.checksum) H5Pset_fletcher32(properties);
  }
  return properties;
}

Handle space_for(const std::vector<hsize_t>& shape, bool extendible) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  std::vector<hsize_t> most = shape;
  if (extendible) most[0] = H5S_UNLIMITED;
  return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), most.data()), H5Sclose};
}

struct Bytes {
  const void* data;
  size_t count, element;
};

void create_dataset(hid_t file, const Place& at, hid_t type, const Bytes& values,
                    const H5File::Extents& shape, H5File::Layout layout) {
  const std::vector<hsize_t> lengths(shape.begin(), shape.end());
  if (count(lengths) != values.count) fail(at.file, at.object, "values and shape differ in size");
  const Handle space = space_for(lengths, layout.extendible);
  const Handle properties = layout_for(lengths, layout, values.element);
  const Handle data(at.check(H5Dcreate2(file, at.object.c_str(), type, space, H5P_DEFAULT,
                                        properties, H5P_DEFAULT),
                             "the data cannot be created"),
                    H5Dclose);
  if (values.count == 0) return;
  at.check(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data),
           "the data cannot be written");
}

/// Selects rows begin … end − 1 and returns the memory space of the same shape.
Handle select_rows(hid_t space, int64_t begin, int64_t end, const Place& at) {
  std::vector<hsize_t> length = extents_of(space), start(length.size(), 0);
  if (length.empty() || begin < 0 || begin > end || static_cast<hsize_t>(end) > length[0])
    fail(at.file, at.object, "it has no such rows");
  start[0] = static_cast<hsize_t>(begin);
  length[0] = static_cast<hsize_t>(end - begin);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, length.data(), nullptr);
  return Handle(H5Screate_simple(static_cast<int>(length.size()), length.data(), nullptr),
                H5Sclose);
}

}  // namespace

template <class T>
void H5File::write(const std::string& dataset, std::span<const T> values, const Extents& shape,
                   Layout layout) {
  make_group(parent(dataset));
  const Bytes bytes{values.data(), values.size(), sizeof(T)};
  create_dataset(file_, {path_, dataset}, number_type<T>(), bytes, shape, layout);
}

void H5File::write(const std::string& dataset, std::span<const std::string> values,
                   const Extents& shape) {
  make_group(parent(dataset));
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  const Bytes bytes{pointers.data(), pointers.size(), sizeof(char*)};
  create_dataset(file_, {path_, dataset}, string_type(), bytes, shape, {});
}

template <class T>
void H5File::append(const std::string& dataset, std::span<const T> rows) {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at);
  auto shape = extents_of(dataset_space(data));
  if (shape.empty()) fail(path_, dataset, "it has no rows");
  const auto begin = static_cast<int64_t>(shape[0]);
  shape[0] = 1;
  const size_t row = count(shape);
  if (row == 0 || rows.size() % row != 0)
    fail(path_, dataset, "the numbers do not make whole rows");
  const auto end = begin + static_cast<int64_t>(rows.size() / row);
  shape[0] = static_cast<hsize_t>(end);
  at.check(H5Dset_extent(data, shape.data()), "it cannot grow");
  const Handle space = dataset_space(data);
  const Handle memory = select_rows(space, begin, end, at);
  at.check(H5Dwrite(data, number_type<T>(), memory, space, H5P_DEFAULT, rows.data()),
           "the rows cannot be written");
}

void H5File::truncate(const std::string& dataset, int64_t rows) {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at);
  auto shape = extents_of(dataset_space(data));
  if (shape.empty() || rows < 0 || static_cast<hsize_t>(rows) > shape[0])
    fail(path_, dataset, "it has no such rows");
  shape[0] = static_cast<hsize_t>(rows);
  at.check(H5Dset_extent(data, shape.data()), "it cannot be cut");
}

H5File::Extents H5File::shape(const std::string& dataset) const {
  const auto lengths = extents_of(dataset_space(open_dataset(file_, {path_, dataset})));
  return {lengths.begin(), lengths.end()};
}

H5File::Element H5File::element(const std::string& dataset) const {
  const Handle data = open_dataset(file_, {path_, dataset});
  const Handle type(H5Dget_type(data), H5Tclose);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return Element::int64;
    case H5T_FLOAT:
      return H5Tget_size(type) <= sizeof(float) ? Element::float32 : Element::float64;
    case H5T_STRING:
      return Element::text;
    default:
      fail(path_, dataset, "its elements are neither numbers nor text");
  }
}

template <class T>
std::vector<T> H5File::read(const std::string& dataset) const {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at);
  std::vector<T> values(count(extents_of(dataset_space(data))));
  at.check(H5Dread(data, number_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
           "the data cannot be read");
  return values;
}

template <class T>
std::vector<T> H5File::read_rows(const std::string& dataset, int64_t begin, int64_t end) const {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at);
  const Handle space = dataset_space(data);
  const Handle memory = select_rows(space, begin, end, at);
  std::vector<T> values(count(extents_of(memory)));
  at.check(H5Dread(data, number_type<T>(), memory, space, H5P_DEFAULT, values.data()),
           "the rows cannot be read");
  return values;
}

std::vector<std::string> H5File::read_strings(const std::string& dataset) const {
  const Place at{path_, dataset};
  const Handle data = open_dataset(file_, at);
  const Handle space = dataset_space(data), type = string_type();
  std::vector<char*> pointers(count(extents_of(space)));
  at.check(H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()),
           "the data cannot be read");
  std::vector<std::string> values;
  for (const char* pointer : pointers) values.emplace_back(pointer ? pointer : "");
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  return values;
}

#define INSTANTIATE(T)                                                                           \
  template void H5File::write<T>(const std::string&, std::span<const T>, const H5File::Extents&, \
                                 H5File::Layout);                                                \
  template void H5File::append<T>(const std::string&, std::span<const T>);                       \
  template std::vector<T> H5File::read<T>(const std::string&) const;                             \
  template std::vector<T> H5File::read_rows<T>(const std::string&, int64_t, int64_t) const;
INSTANTIATE(int64_t)
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace waiver
