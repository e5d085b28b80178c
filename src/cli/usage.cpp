#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/config.h"
#include "config/suggest.h"
#include "core/text/printable.h"

namespace waiver {
namespace {

// The verb that was understood, and what it is called with all before it.
struct Verb {
  const CLI::App* app;
  std::string name;

  explicit Verb(const CLI::App& root) : app(&root), name(root.get_name()) {
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

std::string explain_verb(const Verb& verb, const std::vector<std::string>& words) {
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

// Keys of a config are no options: `--train.steps=10` is train.steps=10.
std::string explain_option(const Verb& verb, const std::string& word) {
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

std::string explain_extras(const Verb& verb, const std::vector<std::string>& words) {
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

}  // namespace

std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (words.size() < 2 || words[1] != "help") return words;
  words.erase(words.begin() + 1);
  words.push_back("--help");
  return words;
}

std::string explain_usage(const CLI::App& app, const CLI::Error& error) {
  const Verb verb(app);
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

}  // namespace waiver
