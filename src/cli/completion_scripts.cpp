#include "cli/completion_scripts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "config/config.h"

namespace waiver {
namespace {

using Words = std::vector<std::string>;

// Calls f("waiver config check", info), the program itself first.
void for_each_verb(const VerbInfo& verb, const std::string& full,
                   const std::function<void(const std::string&, const VerbInfo&)>& f) {
  f(full, verb);
  for (const VerbInfo& below : verb.verbs) for_each_verb(below, full + " " + below.name, f);
}

Words full_names(const VerbInfo& program) {
  Words names;
  for_each_verb(program, program.name, [&](const std::string& full, const VerbInfo&) {
    if (full != program.name) names.push_back(full);
  });
  return names;
}

bool takes_keys(const VerbInfo& verb) {
  return std::ranges::any_of(verb.arguments, [](const VerbInfo::Option& argument) {
    return argument.names[0] == "overrides";
  });
}

// Each key that has a value once, with its choices if it has any; that of a kind also in full.
std::vector<std::pair<std::string, Words>> keys_with_choices() {
  std::vector<std::pair<std::string, Words>> out;
  for (const KeyInfo& key : config_keys()) {
    if (key.type == KeyInfo::Type::block) continue;
    if (std::ranges::find(out, key.name, &std::pair<std::string, Words>::first) != out.end())
      continue;
    Words choices;
    for (const Choice& choice : key.choices) choices.emplace_back(choice.name);
    out.emplace_back(key.name, choices);
    if (key.type == KeyInfo::Type::kind) out.emplace_back(key.name + ".kind", choices);
  }
  return out;
}

// `key=` of every key, and `key=choice` where there are choices.
Words settings() {
  Words out;
  for (const auto& [key, choices] : keys_with_choices()) {
    if (choices.empty()) out.push_back(key + "=");
    for (const std::string& choice : choices) out.push_back(key + "=" + choice);
  }
  return out;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// The first clause, which is what a list has room for.
std::string clause(const std::string& doc) { return doc.substr(0, doc.find(';')); }

Words option_names(const VerbInfo& verb) {
  Words names;
  for (const VerbInfo::Option& option : verb.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

// The verbs below it, and what its arguments may be.
Words plain_words(const VerbInfo& verb) {
  Words words;
  for (const VerbInfo& below : verb.verbs) words.push_back(below.name);
  for (const VerbInfo::Option& argument : verb.arguments) {
    words.insert(words.end(), argument.words.begin(), argument.words.end());
    if (argument.names[0] == "key")
      for (const auto& [key, choices] : keys_with_choices()) words.push_back(key);
  }
  return words;
}

// A pattern of a shell's `case`: `"waiver probe --tokens" | "waiver probe -t"`.
std::string pattern_of(const std::string& full, const VerbInfo::Option& option) {
  std::string pattern;
  for (const std::string& name : option.names)
    pattern += fmt::format("{}\"{} {}\"", pattern.empty() ? "" : " | ", full, name);
  return pattern;
}

Words in_double_quotes(const Words& words) {
  Words out;
  for (const std::string& word : words) out.push_back("\"" + word + "\"");
  return out;
}

}  // namespace

std::string bash_completion(const VerbInfo& program) {
  std::string values, words, choices;
  Words with_keys, keys;
  for_each_verb(program, program.name, [&](const std::string& full, const VerbInfo& verb) {
    for (const VerbInfo::Option& option : verb.options)
      if (option.has_value)
        values += fmt::format("    {}) words=\"{}\" kind=value ;;\n", pattern_of(full, option),
                              fmt::join(option.words, " "));
    words += fmt::format("      \"{}\") options=\"{}\" words=\"{}\" ;;\n", full,
                         fmt::join(option_names(verb), " "), fmt::join(plain_words(verb), " "));
    if (takes_keys(verb)) with_keys.push_back(full);
  });
  for (const auto& [key, list] : keys_with_choices()) {
    keys.push_back(key + "=");
    if (!list.empty())
      choices += fmt::format("      {}) words=\"{}\" ;;\n", key, fmt::join(list, " "));
  }
  return fmt::format(
      R"(# Completion of {0} for bash: source <({0} completion bash)
_{0}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb={0} kind= key= i
  local words= options=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$verb ${{COMP_WORDS[i]}}" in
      {1}) verb="$verb ${{COMP_WORDS[i]}}" ;;
    esac
  done
  # The shell splits key=value into three words.
  if [[ $cur == "=" ]]; then
    key=$prev cur= kind=setting
  elif [[ $prev == "=" && $COMP_CWORD -ge 2 ]]; then
    key=${{COMP_WORDS[COMP_CWORD-2]}} kind=setting
  fi
  [[ $kind ]] || case "$verb $prev" in
{2}  esac
  if [[ $kind == setting ]]; then
    case "$key" in
{3}    esac
  elif [[ ! $kind ]]; then
    case "$verb" in
{4}    esac
    [[ $cur == -* ]] && words=$options
    case "$verb" in
      {5})
        [[ $cur && $cur != -* ]] && words="{6}" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}}
complete -o default -F _{0} {0}
)",
      program.name, fmt::join(in_double_quotes(full_names(program)), " | "), values, choices, words,
      fmt::join(in_double_quotes(with_keys), " | "), fmt::join(keys, " "));
}

std::string zsh_completion(const VerbInfo& program) {
  std::string values, lists;
  Words with_keys;
  for_each_verb(program, program.name, [&](const std::string& full, const VerbInfo& verb) {
    std::string options, verbs;
    for (const VerbInfo::Option& option : verb.options) {
      if (option.has_value)
        values += option.words.empty()
                      ? fmt::format("    ({}) _files; return ;;\n", pattern_of(full, option))
                      : fmt::format("    ({}) compadd -- {}; return ;;\n", pattern_of(full, option),
                                    fmt::join(option.words, " "));
      for (const std::string& name : option.names)
        options += " " + quoted(name + ":" + clause(option.doc));
    }
    for (const VerbInfo& below : verb.verbs)
      verbs += " " + quoted(below.name + ":" + clause(below.doc));
    if (verb.verbs.empty()) verbs = fmt::format("{}", fmt::join(plain_words(verb), " "));
    lists += fmt::format("    (\"{}\")\n      options=({})\n      verbs=({}) ;;\n", full, options,
                         verbs);
    if (takes_keys(verb)) with_keys.push_back(full);
  });
  return fmt::format(
      R"(#compdef {0}
# Completion of {0} for zsh: source <({0} completion zsh), after compinit
_{0}() {{
  local verb={0} word
  local -a options verbs settings
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$verb $word" in
      ({1}) verb="$verb $word" ;;
    esac
  done
  case "$verb ${{words[CURRENT-1]}}" in
{2}  esac
  case "$verb" in
{3}  esac
  if [[ ${{words[CURRENT]}} == -* ]]; then
    _describe -o option options
    return
  fi
  if (( ${{#verbs}} )); then
    _describe verb verbs
    return
  fi
  case "$verb" in
    ({4})
      settings=({5})
      [[ -n ${{words[CURRENT]}} ]] && compadd -S '' -- $settings ;;
  esac
  _files
}}
compdef _{0} {0}
)",
      program.name, fmt::join(in_double_quotes(full_names(program)), " | "), values, lists,
      fmt::join(in_double_quotes(with_keys), " | "), fmt::join(settings(), " "));
}

std::string fish_completion(const VerbInfo& program) {
  std::string lines;
  for_each_verb(program, program.name, [&](const std::string& full, const VerbInfo& verb) {
    const std::string at =
        fmt::format("complete -c {} -n '__{}_at {}'", program.name, program.name, full);
    for (const VerbInfo& below : verb.verbs)
      lines += fmt::format("{} -f -a {} -d {}\n", at, below.name, quoted(clause(below.doc)));
    for (const VerbInfo::Option& option : verb.options) {
      lines += at;
      for (const std::string& name : option.names)
        lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.has_value) lines += option.words.empty() ? " -r" : " -x";
      if (!option.words.empty()) lines += fmt::format(" -a '{}'", fmt::join(option.words, " "));
      lines += fmt::format(" -d {}\n", quoted(clause(option.doc)));
    }
    if (const Words words = plain_words(verb); verb.verbs.empty() && !words.empty())
      lines += fmt::format("{} -f -a '{}'\n", at, fmt::join(words, " "));
    if (takes_keys(verb)) lines += fmt::format("{} -a \"$__{}_settings\"\n", at, program.name);
  });
  Words cases;
  for (const std::string& name : full_names(program)) cases.push_back(quoted(name));
  return fmt::format(
      R"(# Completion of {0} for fish: {0} completion fish | source
function __{0}_at
  set -l verb {0}
  for word in (commandline -opc)[2..-1]
    switch "$verb $word"
      case {1}
        set verb "$verb $word"
    end
  end
  test "$verb" = "$argv"
end
set -g __{0}_settings {2}
{3})",
      program.name, fmt::join(cases, " "), fmt::join(settings(), " "), lines);
}

}  // namespace waiver
