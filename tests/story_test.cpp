// The sentence about a run, on logs written by hand.
#include "run/story/story.h"

#include <doctest/doctest.h>

#include <sstream>

#include "core/text/table.h"
#include "hand_log.h"
#include "run/selection.h"
#include "run/story/story_report.h"
#include "temporary.h"

using namespace waiver;

namespace {

std::string sentence(const HandLog& hand) {
  const TemporaryFolder folder;
  const auto story = story_of(hand.make(folder / "log.h5"), ProbeConfig{});
  return story ? sentence_of(*story) : "";
}

}  // namespace

TEST_CASE("the sentence says where and when a waiver element emerged, and in what order") {
  HandLog hand = emerging(2);  // enrichment 20, sink 30, value 40
  CHECK(
      sentence(hand) ==
      "A waiver element emerged at step 40 in layer 1, head 0, at position 2: attention .00 → .80, "
      "value ratio 1.0 → .25; the value drained 20 steps after attention rose.");
  hand.tokens({"<s>", "", "a", "b"});
  CHECK(sentence(hand).find("at position 2 (`a`): ") != std::string::npos);
  CHECK(sentence(emerging(2, 1)).ends_with("the value drained 10 steps before attention rose."));
  CHECK(sentence(emerging(2, 1)).find("emerged at step 30 ") != std::string::npos);
  CHECK(sentence(emerging(2, 2)).ends_with("; the value drained as attention rose."));
  CHECK(sentence(emerging(2, 0)).ends_with("; the value was small from the first probe on."));
  CHECK(sentence(emerging(2, 4, false)) == sentence(emerging(2)));  // by the proxy
}

TEST_CASE("of several the first that lasts is told, of equals the one with more attention") {
  HandLog hand = emerging(2);
  hand.enrichment(0, 1, 1, rises_at(0, 4));
  hand.value(0, 1, 1, falls_at(0, 0.25));
  hand.alpha(0, 1, 1, rises_at(2, 0.4));
  CHECK(sentence(hand).find("step 20 in layer 0, head 1, at position 1:") != std::string::npos);
  hand.alpha(0, 1, 1, rises_at(4, 0.4));
  CHECK(sentence(hand).find("step 40 in layer 1, head 0, at position 2:") != std::string::npos);
  hand.alpha(0, 1, 1, rises_at(4, 0.9));
  CHECK(sentence(hand).find("step 40 in layer 0, head 1, at position 1:") != std::string::npos);
  hand.alpha(0, 1, 1, {.9, .9, .9, 0, 0, 0, 0});
  CHECK(sentence(hand).find("step 40 in layer 1, head 0, at position 2:") != std::string::npos);
}

TEST_CASE("what was there from the start, for a while or only at the end is said to be so") {
  HandLog start = emerging(2, 0);
  start.enrichment(1, 0, 2, rises_at(0, 4));
  start.alpha(1, 0, 2, rises_at(0, 0.8));
  CHECK(sentence(start).starts_with(
      "A waiver element was there at the first probe, step 0, in layer 1, head 0, at position 2:"));
  CHECK(sentence(emerging(2, 5))
            .starts_with("A waiver element since step 50, the last 2 probes only, in layer 1"));
  CHECK(sentence(emerging(2, 5)).ends_with("→ .25. Only 3 probes in a row count as emerged."));
  CHECK(sentence(emerging(2, 6))
            .starts_with("A waiver element since step 60, the last probe only, in layer 1"));
  HandLog gone = emerging(2, 1);
  gone.alpha(1, 0, 2, {0, .8, .8, .8, .1, .1, .1});
  CHECK(sentence(gone).starts_with("No waiver element"));  // E rises at 20: two probes were no more
  gone.alpha(1, 0, 2, {0, .8, .8, .8, .8, .8, .1});
  CHECK(sentence(gone).find("emerged at step 20") != std::string::npos);
  CHECK(sentence(gone).ends_with(
      " It did not last: the last probe at which it was one is that of step 50."));
  HandLog again = emerging(2, 1);
  again.alpha(1, 0, 2, {0, .8, .8, .8, .8, .1, .8});
  CHECK(sentence(again).ends_with(" For a while it was none; since step 60 it is one again."));
}

TEST_CASE("where there is none, the strongest head and what it lacks are named") {
  HandLog weak;
  weak.alpha(1, 0, 0, kFlat);
  CHECK(sentence(weak) ==
        "No waiver element: the strongest head gives position 0 .10 of its attention.");
  CHECK(
      sentence(emerging(2, 7)) ==
      "No waiver element: the strongest head gives position 2 .80 of its attention, but its value "
      "ratio, 1.0, is not below .50.");
  HandLog common;
  common.alpha(1, 0, 0, rises_at(0, 0.5));
  common.value(1, 0, 0, falls_at(0, 0.25));
  CHECK(sentence(common).ends_with("but its enrichment, 1.0, is not above 3.0."));
}

TEST_CASE("the place may be the tokens of a role, or an added key, which has no enrichment") {
  HandLog role;
  role.alpha(1, 0, 0, kFlat);
  role.role(0, 1, rises_at(3, 0.6), rises_at(2, 5), falls_at(4, 0.2));
  CHECK(sentence(role) ==
        "A waiver element emerged at step 40 in layer 0, head 1, at tokens of the role `mark`: "
        "attention .00 → .60, value ratio 1.0 → .20; the value drained 20 steps after attention "
        "rose.");
  HandLog added;
  added.alpha(1, 0, 0, kFlat);
  added.added(1, 1, 1, rises_at(2, 0.7), falls_at(3, 0.1));
  CHECK(sentence(added) ==
        "A waiver element emerged at step 30 in layer 1, head 1, at added key 1: attention .00 → "
        ".70, value ratio 1.0 → .10; the value drained 10 steps after attention rose.");
  added.added(1, 1, 1, rises_at(2, 0.2), falls_at(3, 0.1));
  CHECK(sentence(added) ==
        "No waiver element: the strongest head gives added key 1 .20 of its attention.");
}

TEST_CASE("a mixed selection names what moves the attention, alone or in addition") {
  const auto text = [](SelectedBy by, double encoding = 0, double content = 0, double both = 0) {
    return selected_by_text({0, by, encoding, content, both, ""});
  };
  CHECK(text(SelectedBy::mask) == "mask");
  CHECK(text(SelectedBy::position_encoding, 1, 0, 1) == "position encoding");
  CHECK(text(SelectedBy::feature_distribution, 0, 1, 1) == "features");
  CHECK(text(SelectedBy::mixed, .23, .19, .92) == "position encoding and features");
  CHECK(text(SelectedBy::mixed, .5, .5, .9) == "position encoding and features");
  CHECK(text(SelectedBy::mixed, .5, 0, .5) == "position encoding, in part");
  CHECK(text(SelectedBy::mixed, .05, .7, .8) == "features, in part");
}

TEST_CASE("the report fits 80 columns and shows the place, the onset and the next command") {
  const TemporaryFolder folder;
  const Log log = emerging(2).make(folder / "log.h5");
  const std::string text = story_report(log, "runs/a b", {});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(display_width(line) <= 80);
  CHECK(text.find("layer 1, head 0, position 2\nattention") != std::string::npos);
  CHECK(text.find("↑40") != std::string::npos);
  CHECK(text.find("What selects it: waiver probe 'runs/a b' --mechanism --all-checkpoints\n") !=
        std::string::npos);
  CHECK(text.ends_with("Next: waiver report 'runs/a b'\n"));
  const Selection known{60, SelectedBy::mask, 0, 0, 0, "position 2"};
  CHECK(story_report(log, "r", known).find("\nSelected by: mask\n") != std::string::npos);
  const Selection other{30, SelectedBy::mask, 0, 0, 0, "position 1"};
  CHECK(story_report(log, "r", other).find("Selected by: mask, as for position 1, at step 30\n") !=
        std::string::npos);
}
