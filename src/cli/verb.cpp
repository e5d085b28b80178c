#include "cli/verb.h"

#include <CLI/CLI.hpp>

#include "core/output.h"
#include "core/text/plain.h"

namespace waiver {
namespace {

// What Option::among was given, which CLI11 keeps as `TEXT:{a,b}` alone.
std::vector<std::string> words_among(const std::string& type) {
  const size_t begin = type.find(":{"), end = type.find('}');
  std::vector<std::string> words;
  if (begin == type.npos || end == type.npos) return words;
  return CLI::detail::split(type.substr(begin + 2, end - begin - 2), ',');
}

VerbInfo info_of(const CLI::App& app) {
  VerbInfo out{app.get_name(), app.get_description(), {}, {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    const bool argument = option->get_positional();
    VerbInfo::Option& one = (argument ? out.arguments : out.options).emplace_back();
    if (argument) one.names.push_back(option->get_name());
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    one.doc = option->get_description();
    one.has_value = option->get_expected_max() > 0;
    one.words = words_among(option->get_type_name());
  }
  for (const CLI::App* verb : app.get_subcommands({})) out.verbs.push_back(info_of(*verb));
  return out;
}

}  // namespace

Option& Option::required() { return option_->required(), *this; }
Option& Option::type(const std::string& name) { return option_->type_name(name), *this; }
Option& Option::shows_default() { return option_->capture_default_str(), *this; }
Option& Option::whole_between(int64_t low, int64_t high) {
  return option_->check(CLI::Range(low, high)), *this;
}
Option& Option::between(double low, double high) {
  return option_->check(CLI::Range(low, high)), *this;
}
Option& Option::among(std::vector<std::string> words) {
  return option_->check(CLI::IsMember(std::move(words))), *this;
}
Option& Option::needs(const Option& other) { return option_->needs(other.option_), *this; }
Option& Option::excludes(const Option& other) { return option_->excludes(other.option_), *this; }
Option& Option::separated_by_commas() {
  return option_->delimiter(',')->allow_extra_args(false), *this;
}
bool Option::given() const { return option_->count() > 0; }

Verb Verb::add(const std::string& name, const std::string& doc) {
  app_->require_subcommand(1);
  return Verb(app_->add_subcommand(name, doc));
}

Option Verb::add(const std::string& name, std::string& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, int64_t& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, uint64_t& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, int& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, double& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, std::optional<int64_t>& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, std::vector<std::string>& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, std::vector<int64_t>& value, const std::string& doc) {
  return Option(app_->add_option(name, value, doc));
}
Option Verb::add(const std::string& name, bool& value, const std::string& doc) {
  return Option(app_->add_flag(name, value, doc));
}
Option Verb::add(const std::string& name, void (*use)(int), const std::string& doc) {
  return Option(app_->add_option_function<int>(name, use, doc));
}

void Verb::prints(const std::string& name, std::string (*text)(), const std::string& doc) {
  app_->add_flag_callback(
          name,
          [text] {
            print_result(plain_text(text(), terminal_width()));
            throw CLI::Success();
          },
          doc)
      ->trigger_on_parse();
}

VerbInfo Verb::info() const { return info_of(*app_); }

void Verb::runs(std::function<void()> work) { app_->callback(std::move(work)); }

}  // namespace waiver
