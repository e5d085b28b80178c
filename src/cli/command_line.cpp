#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include "config/config.h"
#include "config/suggest.h"
#include "core/error.h"
#include "core/output.h"
#include "core/text/printable.h"
#include "core/text/table.h"

namespace waiver {
namespace {

// The verb that was recognised, and its full name.
struct Understood {
  const CLI::App* app;
  std::string name;

  explicit Understood(const CLI::App& root) : app(&root), name(root.get_name()) {
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      name += " " + app->get_name();
    }
  }
  std::vector<std::string> verbs() const {
    std::vector<std::string> out;
    for (const CLI::App* sub : app->get_subcommands({})) out.push_back(sub->get_name());
    return out;
  }
  std::vector<std::string> options() const {
    std::vector<std::string> out;
    for (const CLI::Option* option : app->get_options())
      for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
    return out;
  }
};

std::string nearest(const std::vector<std::string>& names, const std::string& word) {
  std::vector<Choice> choices;
  for (const std::string& name : names) choices.push_back({name, ""});
  return nearest_choice(choices, word);
}

std::string explain_verb(const Understood& verb, const std::vector<std::string>& words) {
  const std::string all = fmt::format("{} takes one of {}.", verb.name, join_or(verb.verbs()));
  if (words.empty()) return all;
  const std::string word = printable(words[0]);
  std::error_code ignored;
  const bool yaml = word.ends_with(".yaml") && std::filesystem::exists(words[0], ignored);
  if (yaml && verb.app->get_parent() == nullptr)
    return fmt::format("{0}: a verb is missing. Did you mean waiver train {0}?", word);
  std::string hint = nearest(verb.verbs(), words[0]);
  if (hint.empty()) hint = all;
  return fmt::format("{}: there is no such verb. {}", word, hint);
}

// Keys of a config are not options: `--train.steps=10` means train.steps=10.
std::string explain_option(const Understood& verb, const std::string& word) {
  const std::string bare = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const std::string name = bare.substr(0, bare.find('='));
  const std::string value = name.size() < bare.size() ? bare.substr(name.size()) : "=VALUE";
  const auto& keys = config_keys();
  const bool takes_keys = std::ranges::any_of(
      verb.app->get_options(), [](const CLI::Option* o) { return o->get_name() == "overrides"; });
  if (takes_keys && std::ranges::find(keys, name, &KeyInfo::name) != keys.end())
    return fmt::format("keys of a config have no dashes. Write {}{}.", name, value);
  std::string hint = nearest(verb.options(), "--" + name);
  if (takes_keys && hint.empty()) hint = nearest_key(keys, name);
  return "there is no such option. " + hint;
}

std::string explain_extras(const Understood& verb, const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    std::string sentence = word.starts_with("-")
                               ? explain_option(verb, word)
                               : fmt::format("{} takes no such argument.", verb.name);
    while (sentence.ends_with(' ')) sentence.pop_back();
    text += (text.empty() ? "" : "\n") + printable(word) + ": " + sentence;
  }
  return text;
}

std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (words.size() < 2 || words[1] != "help") return words;
  words.erase(words.begin() + 1);
  words.push_back("--help");
  return words;
}

std::string explain_usage(const CLI::App& app, const CLI::Error& error) {
  const Understood verb(app);
  const std::vector<std::string> words = app.remaining(true);
  std::string text = printable_lines(error.what());
  const auto is = [&](CLI::ExitCodes code) {
    return error.get_exit_code() == static_cast<int>(code);
  };
  if (is(CLI::ExitCodes::RequiredError) && !verb.verbs().empty())
    text = explain_verb(verb, words);
  else if (is(CLI::ExitCodes::ExtrasError))
    text = explain_extras(verb, words);
  return fmt::format("{}\nSee {} --help.\n", text, verb.name);
}

// Where a line of help has its description: after the first gap; npos where it is one text.
size_t description_of(const std::string& line) {
  const size_t text = line.find_first_not_of(' ');
  if (text == line.npos || text > 20) return text;
  return line.find_first_not_of(' ', line.find("  ", text));
}

std::string folded_help(const std::string& help, int64_t width) {
  std::istringstream lines(help);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const size_t at = description_of(line);
    if (at == line.npos || display_width(line) <= width)
      out += folded(line, width);
    else
      out += to_text({{{.width = static_cast<int64_t>(at)}, {.gap = 0, .wraps = true}},
                      {{line.substr(0, line.find_last_not_of(' ', at - 1) + 1), line.substr(at)}}},
                     width);
  }
  return out;
}

// CLI11's answer to the request for help or the version; the mistake that `error` stands for is
// thrown.
void answer(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out, complaint;
  if (app.exit(error, out, complaint) != 0) {
    std::string text = complaint.str();
    while (text.ends_with('\n')) text.pop_back();
    throw UsageError("", text);
  }
  print_result(folded_help(out.str(), terminal_width()));
}

}  // namespace

void run_command_line(int argc, char** argv, const std::string& version, void (*add_verbs)(Verb&)) {
  CLI::App app(
      "Waiver trains small transformers from YAML files and watches waiver elements (attention "
      "sinks) emerge.",
      "waiver");
  app.set_version_flag("--version", version);
  app.footer(
      "Exit status: 0 done, 1 failed while running, 2 bad usage or config, 3 stopped by Ctrl-C, "
      "TERM, HUP or USR1.");
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return explain_usage(*failed, error);
  });
  Verb program(&app);
  add_verbs(program);
  try {
    std::vector<std::string> words = words_of(argc, argv);
    words.erase(words.begin());
    std::ranges::reverse(words);  // the order that CLI11 expects
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    answer(app, error);
  }
}

}  // namespace waiver
