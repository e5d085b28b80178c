#include "core/ranks/agree.h"

#include <fmt/format.h>

#include <exception>
#include <sstream>

#include "core/stop.h"

namespace waiver {
namespace {

// What a rank could not do: the exit status and a sentence; 0: nothing.
struct Failure {
  int status = 0;
  std::string sentence = {};
  std::exception_ptr error = {};
};

Failure try_it(const std::function<void()>& f) {
  try {
    f();
    return {};
  } catch (const Stopped& stopped) {
    return {Stopped::kStatus, stopped.what(), std::current_exception()};
  } catch (const Error& error) {
    return {static_cast<int>(error.kind()), error.what(), std::current_exception()};
  } catch (const std::exception& error) {
    return {1, sentence_of(error), std::current_exception()};
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

void agree(Ranks& ranks, const std::function<void()>& f) {
  if (ranks.alone()) return f();
  const Failure own = try_it(f);
  const std::vector<int> statuses = ranks.gather(own.status);
  const std::vector<std::string> sentences = ranks.gather(own.sentence);
  for (int64_t r = 0; r < ranks.count(); ++r) {
    if (statuses[r] == 0) continue;
    if (!ranks.first()) throw EndedElsewhere{statuses[r]};
    if (r == 0) std::rethrow_exception(own.error);
    if (statuses[r] == Stopped::kStatus) throw Stopped(sentences[r]);
    throw Error(fmt::format("rank {}", r), sentences[r], "",
                statuses[r] == 2 ? Error::Kind::usage : Error::Kind::run);
  }
}

void require_same(Ranks& ranks, const std::string& facts) {
  const std::vector<std::string> all = ranks.gather(facts);
  agree(ranks, [&] {
    if (!ranks.first()) return;
    const std::vector<std::string> here = lines_of(all[0]);
    for (int64_t r = 1; r < ranks.count(); ++r) {
      const std::vector<std::string> there = lines_of(all[r]);
      for (size_t i = 0; i < std::max(here.size(), there.size()); ++i) {
        const std::string a = i < here.size() ? here[i] : "nothing",
                          b = i < there.size() ? there[i] : "nothing";
        if (a != b)
          throw UsageError(
              fmt::format("rank {}", r),
              fmt::format("it has {}, and rank 0 has {}, so their bits would differ", b, a),
              "Start the same program with the same files on machines of one kind.");
      }
    }
  });
}

}  // namespace waiver
