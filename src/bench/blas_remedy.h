#pragma once

#include <optional>
#include <string>
#include <vector>

namespace waiver {

/// What lets a BLAS use kernels for this processor where it does not by itself.
struct BlasRemedy {
  std::string name;
  std::optional<std::string> needs;  // what a machine may lack
  std::string shell;  // starts the command "$@" with it; may put files into the folder "$0"
};

/// Those worth a try, the best first.
std::vector<BlasRemedy> blas_remedies(const std::string& blas);

/// A fresh folder, removed with this.
class RemedyFolder {
 public:
  RemedyFolder();
  RemedyFolder(const RemedyFolder&) = delete;
  RemedyFolder& operator=(const RemedyFolder&) = delete;
  ~RemedyFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace waiver
