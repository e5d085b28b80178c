#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields/field_texts.h"
#include "core/tensor.h"
#include "inspect/published/hub_config.h"
#include "model/config.h"

namespace waiver {

/// A stretch of a parameter that is the same numbers as a stretch of a published tensor. A matrix
/// of ours is [in, out]; a published one is mostly [out, in], and then transposed.
///   parameter [in, out]: columns to … to + count = rows first … first + count of the tensor, or,
///   not transposed, the same rows of both; of a vector, elements.
struct Link {
  std::string tensor;
  Shape shape;  // of the whole tensor
  std::string parameter;
  bool transposed = false;
  int64_t first = 0, count = 0, to = 0;
};

/// Which tensors a published model has, by the names that its family gives them.
struct TensorNames {
  std::function<bool(const std::string&)> has;
  std::function<bool(const std::string&, const std::string&)> same;  // the same numbers
};

/// A published model before its tensors are read.
struct Published {
  const HubConfig& config;
  const TensorNames& tensors;

  /// Whether it is published with an output layer: config.json names such an architecture, or,
  /// where it names none, `head` is there, or tied in a family whose layers are tied by default.
  bool has_head(const std::string& head, bool tied_by_default) const;
  /// Whether the output layer is the embedding: config.json says so, and no `head` of other numbers
  /// is there, as in transformers.
  bool tied(const std::string& head, const std::string& embedding, bool tied_by_default) const;
};

/// What transformers calls a model type: how its models are described and stored.
struct Family {
  std::string_view name;      // `model_type` in config.json
  std::string_view prefix;    // of its tensors, which models without a head may lack: `model.`
  std::string_view head;      // the output layer's weight
  bool masked_token = false;  // its output predicts masked tokens
  /// A config's block `model`. Throws UsageError, naming the key, for what Waiver cannot compute.
  Json (*read)(const Published& model);
  /// How the tensors of such a model are its parameters.
  std::vector<Link> (*links)(const ModelConfig& model, int64_t vocabulary);
  /// The config.json of such a model. What the family cannot say is left out: whoever reads it back
  /// finds another model then.
  Json (*write)(const ModelConfig& model, const FieldTexts::Texts& texts, int64_t vocabulary);
  /// Patterns of tensors that say nothing: masks, ids, heads for other tasks.
  std::vector<std::string_view> ignored;
  /// What names may end in instead.
  struct Alias {
    std::string_view ending, other;
    bool only_tied = false;  // where the output layer is the embedding
  };
  std::vector<Alias> aliases = {};
};

std::span<const Family> families();

}  // namespace waiver
