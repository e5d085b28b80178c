#pragma once

#include "core/random.h"
#include "core/tensor.h"

namespace waiver {

/// Fills q [n, n] with an orthogonal matrix drawn uniformly (Haar measure): the Q of a QR
/// decomposition of a matrix of normal numbers whose R has a positive diagonal, as a product of
/// Householder reflections of random vectors (Stewart, SIAM J. Numer. Anal. 17, 1980). Computed in
/// double precision, n³ · 4/3 multiplications; the same bits at any number of threads. Returns its
/// determinant, 1 or −1.
int random_orthogonal(const Random& random, Tensor q);

}  // namespace waiver
