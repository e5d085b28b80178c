#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace waiver {

/// The processes that train one model together. Rank 0 writes, prints and decides; what travels
/// between them is copied, never added up on the way, so that whoever receives numbers adds them in
/// an order of its own choosing. REQUIRES: all ranks call the same functions in the same order,
/// from the thread that called first.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int64_t count() const { return 1; }
  virtual int64_t own() const { return 0; }
  /// How many of them are on this machine, this one among them.
  virtual int64_t here() const { return 1; }
  /// What connects them, by name and version; empty where there are no others.
  virtual std::string library() const { return {}; }
  bool alone() const { return count() == 1; }
  bool first() const { return own() == 0; }

  /// Numbers for another rank, or from it.
  struct Piece {
    int64_t rank;
    std::span<std::byte> bytes;
  };
  /// Sends and receives all of these at once; several between the same two ranks arrive in their
  /// order. REQUIRES: both sides name the same lengths, and none is this rank's own.
  virtual void exchange(std::span<const Piece> sent, std::span<const Piece> received);
  /// From now on this rank says nothing more to the others, which may be waiting for it; they end
  /// when this is destroyed.
  void give_up() { gave_up_ = true; }
  bool gave_up() const { return gave_up_; }
  /// Ends all ranks at once, with this exit status, whatever they are doing.
  [[noreturn]] virtual void abort(int status);

  /// Rank 0's value, to all.
  template <class T>
  void broadcast(std::span<T> values);
  /// Everyone's value, to all, by rank.
  template <class T>
  std::vector<T> gather(const T& own_value);
  std::vector<std::string> gather(const std::string& text) { return gather_arrays(text); }
  template <class T>
  std::vector<std::vector<T>> gather(const std::vector<T>& values) {
    return gather_arrays(values);
  }

 private:
  template <class A>
  std::vector<A> gather_arrays(const A& own_array);

  bool gave_up_ = false;
};

/// This process alone.
Ranks& no_other_ranks();

template <class T>
Ranks::Piece piece(int64_t rank, std::span<T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {rank, std::as_writable_bytes(values)};
}

template <class T>
void Ranks::broadcast(std::span<T> values) {
  std::vector<Piece> pieces;
  if (first())
    for (int64_t r = 1; r < count(); ++r) pieces.push_back(piece(r, values));
  else
    pieces.push_back(piece(0, values));
  first() ? exchange(pieces, {}) : exchange({}, pieces);
}

template <class T>
std::vector<T> Ranks::gather(const T& own_value) {
  std::vector<T> all(static_cast<size_t>(count()), own_value);
  std::vector<Piece> out, in;
  for (int64_t r = 0; r < count(); ++r)
    if (r != own()) {
      out.push_back(piece(r, std::span(&all[own()], 1)));
      in.push_back(piece(r, std::span(&all[r], 1)));
    }
  exchange(out, in);
  return all;
}

template <class A>
std::vector<A> Ranks::gather_arrays(const A& own_array) {
  const std::vector<int64_t> sizes = gather(static_cast<int64_t>(own_array.size()));
  std::vector<A> all;
  for (const int64_t size : sizes) all.emplace_back(static_cast<size_t>(size), 0);
  all[own()] = own_array;
  std::vector<Piece> out, in;
  for (int64_t r = 0; r < count(); ++r)
    if (r != own()) {
      out.push_back(piece(r, std::span(all[own()])));
      in.push_back(piece(r, std::span(all[r])));
    }
  exchange(out, in);
  return all;
}

}  // namespace waiver
