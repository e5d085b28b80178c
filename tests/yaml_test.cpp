// What is not plain YAML, and what is.
#include "config_files.h"

using namespace waiver;

TEST_CASE("a pattern that begins with a star is said to need quotes") {
  CHECK(complaint("train:\n  freeze: [*.bias]\n") ==
        "a.yaml:2:12: a text that begins with * needs quotes in YAML. Write \"*.bias\".");
  CHECK(complaint("train: {freeze: [blocks.0.*, *]}\n").find("Write \"*\".") != std::string::npos);
  CHECK(complaint("", {"train.freeze=[*.bias, *.gain]"}) ==
        "override train.freeze=[*.bias, *.gain]: a text that begins with * needs quotes in YAML. "
        "Write "
        "'train.freeze=[\"*.bias\", \"*.gain\"]', with both kinds of quotes.");
  CHECK(parse("train: {freeze: [\"*.bias\"]}\nmodel: {mlp: {bias: true}}\n").train.freeze.size() ==
        1);
}

TEST_CASE("the standard tags are honoured, and others refused by name") {
  const Config config = parse(
      "train: {optimizer: {lr: !!float 1e-3}, steps: !!int 7, freeze: !!seq [embed.*]}\n"
      "model: !!map {mlp: {bias: !!bool true}, position: !!str rope}\n");
  CHECK(config.train.optimizer->lr() == 1e-3);
  CHECK(config.train.steps == 7);
  CHECK(config.model.mlp.bias);
  CHECK(config.model.position.name() == "rope");
  CHECK(complaint("train: {steps: !!str 7}\n") ==
        "a.yaml:1:16: train.steps: expected a whole number of at least 0, found \"7\". Remove "
        "!!str.");
  CHECK(complaint("train: {steps: !x 7}\n") ==
        "a.yaml:1:16: the tag !x is not supported. Remove it, or quote a text that begins with an "
        "exclamation mark.");
  CHECK(contains(complaint("model: !x {layers: 1}\n"), "the tag !x is not supported"));
  CHECK(contains(complaint("train: {steps: !!binary 7}\n"), "the tag !!binary is not supported"));
  CHECK(contains(complaint("", {"train.steps=!!x 7"}), "the tag !!x is not supported"));
}

TEST_CASE("a tab that indents is called a tab, at its own place") {
  for (const char* text : {"model:\n\twidth: 64\n", "model:\n  layers: 1\n\twidth: 64\n",
                           "model:\n  layers: 1\n  \twidth: 64\n"}) {
    CAPTURE(text);
    const std::string message = complaint(text);
    CHECK(contains(message, "a tab indents this line. YAML is indented with spaces only."));
  }
  CHECK(complaint("model:\n  layers: 1\n  \twidth: 64\n").starts_with("a.yaml:3:3: "));
  CHECK(parse("model: {layers: 1,\t width: 64}\t\n").model.width == 64);
}

TEST_CASE("aliases, merge keys and duplicates are refused, and anchors that nobody uses are not") {
  CHECK(contains(complaint("model: &m {width: 64}\ntrain: *m\n"),
                 "aliases (*name) are not supported"));
  CHECK(contains(complaint("model: &m {width: 64}\ntrain: {<<: *m}\n"), "aliases"));
  CHECK(contains(complaint("model: {<<: {width: 64}}\n"), "model.<<: unknown key"));
  CHECK(parse("model: &m {width: 64}\n").model.width == 64);
  CHECK(contains(complaint("model: {width: 64, width: 32}\n"), "the key appears twice"));
}

TEST_CASE("nesting without end is refused") {
  for (const std::string open : {"[", "{a: ", "- "}) {
    std::string text = "model: ";
    if (open == "- ") text += "\n  ";
    for (int i = 0; i < 10000; ++i) text += open;
    CAPTURE(open);
    const std::string message = complaint(text);
    CHECK(message.size() < 500);
    CHECK(contains(message, "more than 64 deep"));
  }
}

TEST_CASE("what is no text is refused at its place") {
  CHECK(complaint(std::string("model:\n  width: \0", 17)) ==
        "a.yaml:2:10: this is not a text file: a byte in it is \\x00. A config is UTF-8 text, "
        "without "
        "control characters.");
  CHECK(contains(complaint("model: {width: \xff}\n"), "a.yaml:1:16: this is not a text file"));
  CHECK(contains(complaint("\xff\xfem\0o\0"), "this is not a text file"));
  CHECK(contains(complaint("", {"data.path=\x1b[1m"}), "this is not a text file"));
}

TEST_CASE("a byte order mark and lines of Windows are read") {
  const Config config = parse("\xef\xbb\xbfmodel:\r\n  width: 64\r\n  heads: 2\r\n");
  CHECK(config.model.width == 64);
  CHECK(config.model.heads == 2);
  CHECK(complaint("\xef\xbb\xbfmodel:\r\n  widht: 64\r\n").starts_with("a.yaml:2:3: model.widht:"));
}

TEST_CASE("endless keys, values and lists of mistakes are cut") {
  const std::string endless(1 << 20, 'k');
  for (const std::string& text :
       {"model: {" + endless + ": 1}\n", "model: {width: " + endless + "}\n",
        "model: {position: " + endless + "}\n", endless + ": 1\n",
        "data: {kind: text, path: " + endless + "}\n"}) {
    const std::string message = complaint_of([&] { open_data(parse(text)); });
    CHECK(message.size() < 2500);
  }
  std::string many = "model:\n";
  for (int i = 0; i < 5000; ++i) many += fmt::format("  k{}: 1\n", i);
  const std::string message = complaint(many);
  CHECK(message.size() < 10000);
  CHECK(contains(message, "And 4950 more."));
}
