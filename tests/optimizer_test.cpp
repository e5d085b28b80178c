#include "train/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/fields/set_fields.h"
#include "core/orthogonal.h"
#include "core/random.h"
#include "core/threads.h"

// Every optimizer against its published formula as plain loops in double precision.

using namespace waiver;

namespace {

constexpr uint64_t kSeed = 31;

// Matrices and vectors with given weights, and gradients that change from step to step. One matrix
// has more rows than a tile, one axis is as long as another's, and one parameter has three axes;
// three are hidden matrices of a model.
struct Weights {
  ParameterSet set;
  Weights() {
    set.add("tall", {70, 5}, Init::normal(1));
    set.add("square", {5, 5}, Init::normal(1));
    set.add("vector", {5}, Init::normal(1));
    set.add("stack", {2, 3, 4}, Init::normal(1));
    set.add("blocks.0.attn.qkv.weight", {6, 18}, Init::normal(1)).parts = {6, 6, 6};
    set.add("blocks.0.mlp.up.weight", {6, 70}, Init::normal(1));
    set.add("blocks.0.mlp.down.weight", {70, 6}, Init::normal(1));
    set.allocate(3);
  }
  void fill_gradients(int64_t step) {
    for (Parameter& p : set.all()) {
      const Random random(9, p.name, step);
      for (int64_t i = 0; i < p.variable.grad.size(); ++i)
        p.variable.grad.data[i] = static_cast<float>(random.normal(i));
    }
  }
  std::vector<float> values() const { return {set.values().begin(), set.values().end()}; }
};

Update update_at(int64_t step) {
  Update how;
  how.step = step;
  how.lr_factor = 0.5 + 0.01 * static_cast<double>(step);
  how.grad_factor = 0.25;
  return how;
}

std::unique_ptr<Optimizer> make(const std::string& kind, SetFields options) {
  auto optimizer = Kind<Optimizer>(kind).make();
  optimizer->options(options);
  return optimizer;
}

// A parameter [rows, columns] as the formulas see it, with two states that begin as zeros.
using Numbers = std::vector<double>;
struct Exact {
  std::string name;
  int64_t rows, columns;
  Numbers w, g, m, v;
};

// Runs 20 updates and compares every weight with `rule(exact, how, decay)`. `decays` names the
// parameters that weight_decay pulls.
template <class Rule>
void check_rule(Optimizer& optimizer, double weight_decay, const std::string& decays,
                const Rule& rule) {
  Weights weights;
  optimizer.build(weights.set, kSeed);
  std::map<std::string, Exact> truth;
  for (const Parameter& p : weights.set.all()) {
    const int64_t n = p.shape.size(), columns = p.shape[-1];
    const float* w = p.variable.value.data;
    truth[p.name] = {p.name, n / columns, columns, {w, w + n}, Numbers(n), Numbers(n), Numbers(n)};
  }
  for (int64_t step = 0; step < 20; ++step) {
    weights.fill_gradients(step);
    const Update how = update_at(step);
    for (const Parameter& p : weights.set.all()) {
      Exact& exact = truth[p.name];
      for (size_t i = 0; i < exact.g.size(); ++i) exact.g[i] = 0.25 * p.variable.grad.data[i];
      rule(exact, how, decays == "all" || p.is_matrix() ? weight_decay : 0.0);
    }
    optimizer.update(weights.set, how);
    for (const Parameter& p : weights.set.all())
      for (int64_t i = 0; i < p.shape.size(); ++i)
        // Twenty steps of fp32 on weights of size 1.
        CHECK(p.variable.value.data[i] ==
              doctest::Approx(truth[p.name].w[i]).epsilon(2e-6).scale(1));
  }
}

// A rule that treats every weight alike: rule(w, g, m, v, how, decay).
template <class Rule>
void check_each(const std::string& kind, SetFields::Values options, const Rule& rule) {
  for (const char* decay : {"all", "matrices"}) {
    INFO(kind, ", decay on ", decay);
    options["decay"] = decay;
    auto optimizer = make(kind, SetFields(options));
    check_rule(*optimizer, std::stod(options.at("weight_decay")), decay,
               [&](Exact& x, const Update& how, double wd) {
                 for (size_t i = 0; i < x.w.size(); ++i)
                   rule(x.w[i], x.g[i], x.m[i], x.v[i], how, wd);
               });
  }
}

double adam_step(double g, double& m, double& v, const Update& how, double eps) {
  const double t = static_cast<double>(how.step + 1);
  m = 0.9 * m + 0.1 * g;
  v = 0.99 * v + 0.01 * g * g;
  return how.lr_factor * (m / (1 - std::pow(0.9, t))) /
         (std::sqrt(v / (1 - std::pow(0.99, t))) + eps);
}

Numbers times(const Numbers& a, const Numbers& b, int64_t m, int64_t k, int64_t n) {
  Numbers out(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l)
      for (int64_t j = 0; j < n; ++j) out[i * n + j] += a[i * k + l] * b[l * n + j];
  return out;
}

Numbers transposed(const Numbers& a, int64_t rows, int64_t columns) {
  Numbers out(a.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) out[j * rows + i] = a[i * columns + j];
  return out;
}

// Jordan et al., "Muon": five steps of X → a X + b (X Xᵀ) X + c (X Xᵀ)² X from X = u / ‖u‖.
Numbers newton_schulz(const Numbers& u, int64_t rows, int64_t columns) {
  double squares = 0;
  for (const double x : u) squares += x * x;
  Numbers X = u;
  for (double& x : X) x /= std::sqrt(squares) + 1e-7;
  for (int step = 0; step < 5; ++step) {
    const Numbers A = times(X, transposed(X, rows, columns), rows, columns, rows);
    const Numbers AX = times(A, X, rows, rows, columns), AAX = times(A, AX, rows, rows, columns);
    for (size_t i = 0; i < X.size(); ++i) X[i] = 3.4445 * X[i] - 4.7750 * AX[i] + 2.0315 * AAX[i];
  }
  return X;
}

std::vector<float> orthogonal(uint64_t seed, int64_t n) {
  std::vector<float> q(n * n);
  random_orthogonal(Random(seed, "ortho_adam", n), {q.data(), {n, n}});
  return q;
}

// The matrix that OrthoAdam turns an axis by; longer axes than `largest` stay.
Numbers turn(int64_t n, int64_t largest) {
  Numbers identity(n * n);
  for (int64_t i = 0; i < n; ++i) identity[i * n + i] = 1;
  if (n == 1 || n > largest) return identity;
  const auto q = orthogonal(kSeed, n);
  return {q.begin(), q.end()};
}

// The weights after ten updates, the state saved and restored into a new optimizer after five when
// `resume`.
std::vector<float> train(const std::string& kind, bool resume) {
  Weights weights;
  auto optimizer = make(kind, SetFields({{"lr", 0.02}, {"weight_decay", 0.1}}));
  optimizer->build(weights.set, kSeed);
  for (int64_t step = 0; step < 10; ++step) {
    if (resume && step == 5) {
      auto fresh = make(kind, SetFields({{"lr", 0.02}, {"weight_decay", 0.1}}));
      fresh->build(weights.set, kSeed);
      const auto from = optimizer->state(), to = fresh->state();
      for (size_t i = 0; i < from.size(); ++i) {
        CHECK(from[i].name == to[i].name);
        std::copy(from[i].values.begin(), from[i].values.end(), to[i].values.begin());
      }
      optimizer = std::move(fresh);
    }
    weights.fill_gradients(step);
    optimizer->update(weights.set, update_at(step));
  }
  return weights.values();
}

}  // namespace

TEST_CASE("AdamW makes the published updates") {
  check_each("adamw", {{"lr", 0.02}, {"eps", 1e-6}, {"weight_decay", 0.3}},
             [](double& w, double g, double& m, double& v, const Update& how, double wd) {
               w -= 0.02 * how.lr_factor * wd * w;
               w -= 0.02 * adam_step(g, m, v, how, 1e-6);
             });
}

TEST_CASE("Adam makes the published updates, decay being part of the gradient") {
  check_each("adam", {{"lr", 0.02}, {"eps", 1e-6}, {"weight_decay", 0.3}},
             [](double& w, double g, double& m, double& v, const Update& how, double wd) {
               w -= 0.02 * adam_step(g + wd * w, m, v, how, 1e-6);
             });
}

TEST_CASE("SGD makes the published updates, with momentum and with Nesterov's") {
  const auto gradient_descent = [](bool nesterov) {
    return [nesterov](double& w, double g, double& u, double&, const Update& how, double wd) {
      g += wd * w;
      u = 0.8 * u + g;
      w -= 0.02 * how.lr_factor * (nesterov ? g + 0.8 * u : u);
    };
  };
  for (const bool nesterov : {false, true})
    check_each(
        "sgd",
        {{"lr", 0.02}, {"momentum", 0.8}, {"weight_decay", 0.1}, {"nesterov", nesterov ? 1 : 0}},
        gradient_descent(nesterov));
}

TEST_CASE("Lion makes the published updates") {
  check_each("lion", {{"lr", 0.02}, {"weight_decay", 0.3}},
             [](double& w, double g, double& m, double&, const Update& how, double wd) {
               const double c = 0.9 * m + 0.1 * g;
               w -= 0.02 * how.lr_factor * ((c > 0) - (c < 0) + wd * w);
               m = 0.99 * m + 0.01 * g;
             });
}

TEST_CASE("OrthoAdam is Adam in rotated axes") {
  for (const int64_t largest : {2048, 5}) {
    INFO("axes up to ", largest);
    const double longest = static_cast<double>(largest);
    auto optimizer = make(
        "ortho_adam",
        SetFields({{"lr", 0.02}, {"eps", 1e-6}, {"weight_decay", 0.3}, {"largest_axis", longest}}));
    check_rule(*optimizer, 0.3, "all", [&](Exact& x, const Update& how, double wd) {
      const int64_t R = x.rows, C = x.columns;
      const Numbers P = turn(R, largest), Q = turn(C, largest);
      const Numbers g = times(times(P, x.g, R, R, C), transposed(Q, C, C), R, C, C);
      Numbers step(g.size());
      for (size_t i = 0; i < g.size(); ++i)
        step[i] = 0.02 * adam_step(g[i], x.m[i], x.v[i], how, 1e-6);
      step = times(times(transposed(P, R, R), step, R, R, C), Q, R, C, C);
      for (size_t i = 0; i < g.size(); ++i) x.w[i] -= 0.02 * how.lr_factor * wd * x.w[i] + step[i];
    });
  }
}

TEST_CASE("Muon makes the published updates of hidden matrices, and AdamW's of all else") {
  auto optimizer = make(
      "muon", SetFields({{"lr", 0.02}, {"adam_lr", 0.01}, {"eps", 1e-6}, {"weight_decay", 0.3}}));
  check_rule(*optimizer, 0.3, "all", [](Exact& x, const Update& how, double wd) {
    const bool qkv = x.name.find("qkv") != std::string::npos;
    if (!x.name.starts_with("blocks.")) {
      for (size_t i = 0; i < x.w.size(); ++i) {
        x.w[i] -= 0.01 * how.lr_factor * wd * x.w[i];
        x.w[i] -= 0.01 * adam_step(x.g[i], x.m[i], x.v[i], how, 1e-6);
      }
      return;
    }
    for (size_t i = 0; i < x.m.size(); ++i) x.m[i] = 0.95 * x.m[i] + 0.05 * x.g[i];
    const int64_t parts = qkv ? 3 : 1, columns = x.columns / parts;
    for (int64_t part = 0; part < parts; ++part) {
      const auto at = [&](int64_t r, int64_t c) { return r * x.columns + part * columns + c; };
      Numbers u;
      for (int64_t r = 0; r < x.rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          u.push_back(0.95 * x.m[at(r, c)] + 0.05 * x.g[at(r, c)]);
      u = newton_schulz(u, x.rows, columns);
      const double grown = std::sqrt(std::max(1.0, 1.0 * columns / x.rows));
      for (int64_t r = 0; r < x.rows; ++r)
        for (int64_t c = 0; c < columns; ++c) {
          double& w = x.w[at(r, c)];
          w -= 0.02 * how.lr_factor * (wd * w + grown * u[r * columns + c]);
        }
    }
  });
}

TEST_CASE("every optimizer gives the same bits at any thread count, and when it is resumed") {
  const int before = threads();
  for (const auto& entry : registry<Optimizer>()) {
    const std::string kind(entry.name);
    INFO(kind);
    set_threads(1);
    const auto straight = train(kind, false);
    CHECK(straight != Weights().values());
    for (const int count : {2, 5}) {
      set_threads(count);
      CHECK(train(kind, false) == straight);
      CHECK(train(kind, true) == straight);
    }
  }
  set_threads(before);
}

TEST_CASE("a random orthogonal matrix is orthogonal, and a function of seed and thread count not") {
  const int before = threads();
  for (const int64_t n : {1, 2, 7, 64, 100}) {
    INFO("size ", n);
    const auto q = orthogonal(5, n);
    double worst = 0;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double product = 0;
        for (int64_t k = 0; k < n; ++k) product += double{q[i * n + k]} * q[j * n + k];
        worst = std::max(worst, std::abs(product - (i == j)));
      }
    CHECK(worst < 1e-6);
    set_threads(3);
    CHECK(orthogonal(5, n) == q);
    set_threads(before);
    if (n > 1) CHECK(orthogonal(6, n) != q);
  }
}

// Of Haar measure: by symmetry every entry has mean 0 and variance 1 / n, and the determinant is 1
// as often as −1.
TEST_CASE("random orthogonal matrices prefer no direction") {
  constexpr int kDraws = 4000;
  double sum[4] = {}, squares[4] = {}, determinant = 0;
  for (int seed = 0; seed < kDraws; ++seed) {
    const auto q = orthogonal(seed, 2);
    for (int i = 0; i < 4; ++i) {
      sum[i] += q[i] / kDraws;
      squares[i] += double{q[i]} * q[i] / kDraws;
    }
    determinant += (double{q[0]} * q[3] - double{q[1]} * q[2]) / kDraws;
  }
  // Five standard errors of 4,000 draws.
  for (int i = 0; i < 4; ++i) {
    CHECK(std::abs(sum[i]) < 0.056);
    CHECK(std::abs(squares[i] - 0.5) < 0.028);
  }
  CHECK(std::abs(determinant) < 0.08);
}
