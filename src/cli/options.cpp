#include "cli/options.h"

#include "core/error.h"
#include "core/threads.h"
#include "run/log_file.h"

namespace fs = std::filesystem;

namespace waiver {

void add_target(Verb& verb, Target& target, const std::string& name, const std::string& what) {
  verb.add(name, target.path, what).required();
  verb.add("overrides", target.overrides, "keys to override, as key.path=value, parsed as YAML")
      .type("key.path=value");
}

void check_output(const fs::path& path, bool overwrite, const std::string& option) {
  const std::string name = path.string();
  if (fs::is_directory(path)) throw UsageError(name, "this is a folder", option + " names a file.");
  if (fs::exists(fs::symlink_status(path))) {
    if (!overwrite)
      throw UsageError(name, "the file is there already",
                       "--overwrite replaces it, " + option + " FILE goes elsewhere.");
    if (!Log::is_log(path))
      throw UsageError(name, "this file was not written by this program, so it is not replaced",
                       "Choose another place with " + option + ", or remove it yourself.");
    if (!Log::open(path).names("train").empty())
      throw UsageError(name, "this is the log of a run, which cannot be recreated",
                       "Choose another place with " + option + ".");
  }
  if (path.has_parent_path() && !fs::is_directory(path.parent_path()))
    throw UsageError(name, "there is no such folder to write it into");
}

Option add_threads(Verb& verb) {
  return verb.add("--threads", set_threads, "number of threads; results do not depend on it")
      .between(1, 4096);
}

}  // namespace waiver
