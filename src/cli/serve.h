#pragma once

#include <functional>
#include <string>

namespace waiver {

/// What the watch server gives: the page once it is asked for, and its data as often as that
/// changes. Both may throw Error: the browser then gets its sentence.
struct WatchedPage {
  std::function<std::string()> html, json;
};

/// Serves a page on 127.0.0.1, where only this machine reaches it, until a stop is requested
/// (core/stop.h). Gives `GET /` and `GET /data.json`, with an ETag, to requests for a loopback
/// host, and refuses all else. `port` 0: any free one. `ready`: called with the address once it is
/// there. Throws Error where the port is taken, or the program was built without cpp-httplib.
void serve_page(const WatchedPage& page, int port,
                const std::function<void(const std::string&)>& ready);

}  // namespace waiver
