#pragma once

#include "data/dataset.h"
#include "data/dedicated.h"

namespace waiver {

/// A task on real-valued tokens: x_t ~ N(0, 1) in F features, all independent; what must be
/// answered depends on a fixed random unit vector, the gate, and is answered at every token but the
/// dedicated ones, whose features are 0. Token ids: those of the task, then one for each dedicated
/// token.
class FeatureTask : public Dataset {
 public:
  void options(FieldVisitor& v) override;
  void open(int64_t context) override;
  int64_t vocabulary() const final { return kinds() + dedicated(); }
  int64_t features() const final { return features_; }
  int64_t dedicated() const final { return dedicated_->count(); }
  void fill(const Draws& draws, Batch& out) const final;
  /// Those of the task, then `dedicated`, where there are such tokens.
  std::vector<std::string> query_roles() const final;
  int64_t query_role(const int32_t* inputs, int64_t t) const final;
  /// `dedicated`, or `candidate_1` … where there are several; those of the task; `first`, where no
  /// other role is at position 0; `other`.
  std::vector<std::string> key_roles() const final;
  int64_t key_role(const int32_t* inputs, int64_t t) const final;
  std::string text(int32_t token) const final;
  bool fixed(int64_t t) const final;

 protected:
  /// `dedicated` is the default of the option.
  explicit FeatureTask(std::string_view dedicated) : dedicated_(dedicated) {}

  /// How many ids the task has itself.
  virtual int64_t kinds() const = 0;
  /// A token of the task as people read it.
  virtual std::string word(int32_t kind) const = 0;
  /// The query roles of the task's own: by default all its tokens are plain.
  virtual std::vector<std::string> own_query_roles() const { return {"plain"}; }
  virtual int64_t own_query_role(int32_t /*kind*/) const { return kPlain; }
  /// A key role of the task's own: its name, or an empty one, and the kind of token that has it.
  virtual std::string own_key_role() const { return {}; }
  virtual int32_t kind_with_key_role() const { return -1; }
  /// Answers one sequence: x [T, F], `kinds` [T], which say at first which tokens are dedicated
  /// (≥ kinds()), and in the end what each of the others is; `answers` [T, F] are zeros at first.
  virtual void answer(const float* x, int64_t T, int32_t* kinds, float* answers) const = 0;

  /// g·x, g the gate, which is known once it is open.
  double along_gate(const float* x) const;
  uint64_t gate_seed() const { return static_cast<uint64_t>(gate_seed_); }

 private:
  int64_t features_ = 64, gate_seed_ = 0;
  Kind<Dedicated> dedicated_;
  std::vector<double> gate_;
};

}  // namespace waiver
