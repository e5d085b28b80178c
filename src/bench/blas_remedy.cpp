#include "bench/blas_remedy.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "core/error.h"

namespace waiver {
namespace {

// OpenBLAS runs generic kernels on a processor that is newer than itself.
BlasRemedy openblas_kernels_of(std::string_view processor) {
  return {fmt::format("OPENBLAS_CORETYPE={}", processor),
          {},
          fmt::format("OPENBLAS_CORETYPE={} exec \"$@\"", processor)};
}

// MKL takes its fast kernels on processors of Intel only.
BlasRemedy mkl_kernels_of_intel() {
  return {"mkl_serv_intel_cpu_true preloaded", "a C compiler (cc)",
          "echo 'int mkl_serv_intel_cpu_true(void) { return 1; }' |"
          " cc -shared -fPIC -x c -o \"$0/intel.so\" - &&"
          " LD_PRELOAD=\"$0/intel.so${LD_PRELOAD:+:$LD_PRELOAD}\" exec \"$@\""};
}

}  // namespace

std::vector<BlasRemedy> blas_remedies(const std::string& blas) {
  if (blas.starts_with("OpenBLAS"))
    return {openblas_kernels_of("SKYLAKEX"), openblas_kernels_of("HASWELL")};
  if (blas.starts_with("MKL")) return {mkl_kernels_of_intel()};
  return {};
}

RemedyFolder::RemedyFolder() : path_(std::filesystem::temp_directory_path() / "waiver-XXXXXX") {
  if (!mkdtemp(path_.data())) throw Error(path_, "the system cannot create a temporary folder");
}

RemedyFolder::~RemedyFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace waiver
