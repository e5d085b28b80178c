// RoPE's rates, against what Hugging Face's transformers 5.24 computes for the same settings
// (modeling_rope_utils.py, ROPE_INIT_FUNCTIONS).
#include "model/position/rope_scaling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "config_files.h"
#include "core/fields/set_fields.h"
#include "temporary.h"

using namespace waiver;

namespace {

Kind<RopeScaling> scaling(const std::string& kind, const SetFields::Values& values) {
  Kind<RopeScaling> out(kind);
  SetFields set(values);
  out->options(set);
  return out;
}

// transformers works in float32: its powers, and the share between the two rates, are exact to a
// few units in the last place. Where a pair gets almost all of the slower rate, an error of that
// share, 6e-8, counts `factor` times.
void check_rates(const Kind<RopeScaling>& kind, double base, double factor,
                 const std::vector<double>& expected) {
  std::vector<double> rates(expected.size());
  for (size_t d = 0; d < rates.size(); ++d)
    rates[d] = std::pow(base, -static_cast<double>(d) / static_cast<double>(rates.size()));
  kind->scale(rates, base);
  for (size_t d = 0; d < rates.size(); ++d) {
    CAPTURE(d);
    CHECK(std::abs(rates[d] / expected[d] - 1.0) < 4e-7 + 6e-8 * factor);
  }
}

}  // namespace

TEST_CASE("llama3 has the rates of Llama 3.2, and of a smaller model") {
  // Its config.json: rope_theta 500000, factor 32, original_max_position_embeddings 8192.
  const auto published = scaling("llama3", {{"factor", 32.0}});
  check_rates(published, 500000.0, 32.0,
              {1,
               0.663601279,
               0.440366626,
               0.292227834,
               0.193922758,
               0.128687382,
               0.0853971019,
               0.0566696189,
               0.0376060307,
               0.0249554086,
               0.0165604409,
               0.0109895291,
               0.00729266508,
               0.00483942125,
               0.00321144611,
               0.00129054801,
               0.000429556705,
               9.70828623e-05,
               1.94616387e-05,
               1.29147675e-05,
               8.57025589e-06,
               5.68723226e-06,
               3.77405445e-06,
               2.50446715e-06,
               1.66196742e-06,
               1.10288363e-06,
               7.31874934e-07,
               4.85673127e-07,
               3.22293289e-07,
               2.1387423e-07,
               1.41927202e-07,
               9.41830649e-08});
  CHECK(published->attention_factor() == 1.0);
  check_rates(
      scaling("llama3",
              {{"low_freq_factor", 1.5}, {"high_freq_factor", 50.0}, {"original_context", 1000.0}}),
      10000.0, 8.0,
      {1, 0.316227764, 0.0385073349, 0.00596842822, 0.00126651663, 0.000395284733, 0.000125000006,
       3.95284733e-05});
}

TEST_CASE("yarn has the rates of Qwen 2.5, and its factor of the scores is the paper's") {
  // Its model card: rope_theta 1000000, factor 4, original_max_position_embeddings 32768.
  const auto published = scaling("yarn", {{"factor", 4.0}, {"original_context", 32768.0}});
  check_rates(published, 1000000.0, 4.0,
              {1,
               0.649381638,
               0.421696514,
               0.273841977,
               0.177827939,
               0.115478203,
               0.0749894157,
               0.0486967526,
               0.0316227786,
               0.0205352511,
               0.0133352149,
               0.00865964312,
               0.00515479548,
               0.0030431177,
               0.00177853031,
               0.00102661771,
               0.000583333371,
               0.000324690831,
               0.000175706868,
               9.12806499e-05,
               4.44569851e-05,
               2.88695483e-05,
               1.87473561e-05,
               1.21741887e-05,
               7.90569356e-06,
               5.13381246e-06,
               3.33380353e-06,
               2.16491094e-06,
               1.40585337e-06,
               9.1293532e-07,
               5.92843435e-07,
               3.84981632e-07});
  CHECK(published->attention_factor() == doctest::Approx(1.138629436111989).epsilon(1e-15));
}

TEST_CASE("yarn with a given factor of the scores, without rounding, and at its limits") {
  const auto given = scaling("yarn", {{"factor", 40.0}, {"attention_factor", 1.25}});
  check_rates(given, 10000.0, 40.0,
              {1,
               0.749894202,
               0.562341332,
               0.421696514,
               0.316227764,
               0.237137362,
               0.177827939,
               0.133352146,
               0.100000001,
               0.0749894157,
               0.0562341288,
               0.0390069261,
               0.0268793609,
               0.0183781441,
               0.012447956,
               0.0083345091,
               0.00550000044,
               0.00356199732,
               0.00224936521,
               0.00137051346,
               0.000790569407,
               0.000414990413,
               0.00017782794,
               3.3338034e-05,
               2.49999994e-05,
               1.87473543e-05,
               1.40585325e-05,
               1.05424124e-05,
               7.90569447e-06,
               5.92843435e-06,
               4.44569832e-06,
               3.33380353e-06});
  CHECK(given->attention_factor() == 1.25);
  const auto unrounded = scaling("yarn", {{"factor", 32.0}, {"truncate", "false"}});
  check_rates(unrounded, 150000.0, 32.0,
              {1, 0.225418001, 0.0508132726, 0.00679495931, 0.000456483918, 1.8188337e-05,
               4.09997847e-06, 9.24208962e-07});
  CHECK(unrounded->attention_factor() == doctest::Approx(1.3465735902799727).epsilon(1e-15));
  // No pair turns once within three tokens: their code then slows none down.
  check_rates(scaling("yarn", {{"factor", 2.0}, {"original_context", 3.0}}), 10000.0, 2.0,
              {1, 0.562341332, 0.316227764, 0.177827939, 0.100000001, 0.0562341288, 0.0316227786,
               0.0177827943, 0.00999999978, 0.00562341325, 0.00316227786, 0.00177827943,
               0.00100000005, 0.000562341302, 0.000316227786, 0.00017782794});
}

TEST_CASE("a scaling is an option of rope, and reads back as itself") {
  const std::string text =
      "model: {position: [{kind: rope, scaling: {kind: yarn, factor: 4, truncate: false}},\n"
      "                   {kind: rope, scaling: llama3}]}\n";
  const std::string resolved = to_yaml(parse(text));
  CHECK(contains(resolved, "original_context: 8192"));
  CHECK(to_yaml(parse(resolved)) == resolved);
  CHECK(contains(to_yaml(parse("model: {position: rope}\n")), "scaling: none"));
  CHECK(contains(error_of([] {
                   parse("model: {position: {kind: rope, scaling: {kind: yarn, beta_slow: 40}}}\n");
                 }),
                 "model.position: scaling yarn: beta_fast, 32, must be above beta_slow, 40."));
}

TEST_CASE("limits in the wrong order are refused") {
  CHECK(scaling("llama3", {{"low_freq_factor", 4.0}})->refuse() ==
        "high_freq_factor, 4, must be above low_freq_factor, 4");
  CHECK(scaling("yarn", {{"beta_slow", 33.0}})->refuse() ==
        "beta_fast, 32, must be above beta_slow, 33");
  for (const char* kind : {"none", "llama3", "yarn"}) CHECK(scaling(kind, {})->refuse().empty());
}
