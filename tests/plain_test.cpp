#include "core/text/plain.h"

#include <doctest/doctest.h>

#include "config/config.h"
#include "config/docs.h"
#include "core/error.h"
#include "core/text/ranges.h"
#include "core/text/table.h"

using namespace waiver;

TEST_CASE("Markdown becomes text for a terminal") {
  CHECK(plain_text("# A title\n\nSome *text*, `code` and more.\n\n", 16) ==
        "A title\n\nSome *text*,\n`code` and more.\n\n");
  const char* table =
      "| key | default | meaning |\n|---|---|---|\n"
      "| `a.b` | `1` | one \\| two |\n| `c` |  | x: 1<br>y: a b |\n";
  CHECK(plain_text(table) ==
        "a.b\n  default  `1`\n  meaning  one | two\n\nc\n  meaning  x: 1\n           y: a b\n");
  CHECK(plain_text(table, 16).ends_with("\nc\n  meaning  x: 1\n           y: a\n           b\n"));
  CHECK(plain_text("") == "");
  CHECK(plain_text("|") == "");
  CHECK(plain_text("| a |\n|---|\n| 1 |\n\nText.\n") == "1\n\nText.\n");
}

TEST_CASE("the docs of a key or a block name every key in it, in 80 columns") {
  const std::string all = plain_text(config_docs(), 80);
  for (const KeyInfo& key : config_keys()) {
    if (key.type == KeyInfo::Type::block) continue;
    CAPTURE(key.name);
    CHECK(config_docs(key.name).find("| `" + key.name + "`") != std::string::npos);
    CHECK(all.find("\n" + key.name) != std::string::npos);
  }
  const std::string block = config_docs("model.attention");
  CHECK(block.find("`model.attention.mask.window`") != std::string::npos);
  CHECK(block.find("`model.layers`") == std::string::npos);
  CHECK(config_docs("model.position.kind") == config_docs("model.position"));
  CHECK_THROWS_WITH_AS(config_docs("model.layer"),
                       "model.layer: unknown key. Did you mean model.layers?", UsageError);
}

TEST_CASE("numbers as ranges") {
  CHECK(ranges_text({}) == "");
  CHECK(ranges_text({3}) == "3");
  CHECK(ranges_text({3, 4, 5, 9, 11, 12}) == "3–5, 9, 11–12");
}
