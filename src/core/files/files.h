#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace waiver {

// All of these throw Error with the path and the system's reason.

/// The bytes of a file, or of a pipe until its end; a pipe may take ten seconds for its next bytes.
/// Refuses folders, devices and sockets, saying which it is, and anything of more than `most` bytes
/// (0: than this process may use). Throws Stopped where a stop is due.
std::string read_file(const std::filesystem::path& path, int64_t most = 0);

/// Replaces a file in one step: writes `temporary_of(path)`, flushes it to the disk, renames it and
/// flushes the folder. A reader, or a run killed at any moment, finds the old bytes or the new
/// ones. When it throws (a full disk, a quota, a size limit), the old file is intact and the
/// temporary one is gone.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);
/// `path.waiver-tmp`: a name that nobody else would give to a file.
std::filesystem::path temporary_of(const std::filesystem::path& path);

/// Flushes a folder's list of names to the disk.
void sync_folder(const std::filesystem::path& folder);

/// Creates a folder and its parents; an existing one is fine.
void make_folder(const std::filesystem::path& folder);
/// Renames a file or a folder.
void move_path(const std::filesystem::path& from, const std::filesystem::path& to);
/// Removes a file; a missing one is fine.
void remove_path(const std::filesystem::path& path);
/// Removes a folder if it is empty; a missing one is fine, and a link to one stays.
void remove_if_empty(const std::filesystem::path& folder);
/// The contents of a folder, sorted; empty where there is no such folder.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

/// From now on a write beyond the process's file size limit fails with an error, as on a full disk,
/// instead of ending the process. `write_atomically` calls it.
void ignore_file_size_signal();

/// CRC-32 as in zlib and PNG. REQUIRES: bytes of a trivially copyable type.
uint32_t crc32_of(std::span<const std::byte> bytes);

}  // namespace waiver
