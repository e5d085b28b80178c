#include "core/singular.h"

#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <limits>

namespace waiver {

std::vector<double> squared_singular_values(const float* X, int64_t rows, int64_t columns,
                                            int64_t stride) {
  using Given = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::MatrixXd x = Eigen::Map<const Given, 0, Eigen::OuterStride<>>(X, rows, columns,
                                                                       Eigen::OuterStride<>(stride))
                          .cast<double>();
  if (columns > rows) x.transposeInPlace();
  const int64_t n = x.cols();
  std::vector<double> out(n, std::numeric_limits<double>::quiet_NaN());
  if (!x.allFinite()) return out;
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(n, n);
  gram.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram, Eigen::EigenvaluesOnly);
  if (solver.info() != Eigen::Success) return out;
  for (int64_t i = 0; i < n; ++i) out[i] = std::max(0.0, solver.eigenvalues()[i]);
  return out;
}

}  // namespace waiver
