#include "cli/serve.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <string_view>
#include <thread>

#include "core/digest.h"
#include "core/error.h"
#include "core/stop.h"

#ifdef WAIVER_HTTPLIB
#include <httplib.h>
#include <sys/socket.h>
#endif

namespace waiver {

#ifdef WAIVER_HTTPLIB

namespace {

// A page of another origin that has its name resolve to 127.0.0.1 still names itself as the host.
bool is_loopback(const std::string& host, int port) {
  for (const std::string_view name : {"127.0.0.1", "localhost"})
    if (host == fmt::format("{}:{}", name, port)) return true;
  return false;
}

/// Texts are made anew at most once a second, however often they are asked for.
class WatchedText {
 public:
  explicit WatchedText(std::function<std::string()> make) : make_(std::move(make)) {}
  void answer(const httplib::Request& request, httplib::Response& response, const char* type) try {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (text_.empty() || now - made_ > std::chrono::seconds(1)) {
      text_ = make_();
      tag_ = '"' + Sha256().add(text_).digest() + '"';
      made_ = now;
    }
    response.set_header("ETag", tag_);
    response.set_header("Cache-Control", "no-cache");
    if (request.get_header_value("If-None-Match") == tag_)
      response.status = 304;
    else
      response.set_content(text_, type);
  } catch (const Error& problem) {
    response.status = 503;
    response.set_content(problem.what(), "text/plain; charset=utf-8");
  }

 private:
  std::function<std::string()> make_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point made_;
  std::string text_, tag_;
};

// By default it would share a port with another server.
void own_port(int socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

void limit(httplib::Server& server) {
  constexpr int kSeconds = 2, kThreads = 32;  // connections that do nothing hold one each
  constexpr size_t kMostBytes = 4096;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_read_timeout(kSeconds, 0);
  server.set_write_timeout(kSeconds, 0);
  server.set_keep_alive_timeout(kSeconds);
  server.set_payload_max_length(kMostBytes);
}

}  // namespace

void serve_page(const WatchedPage& page, int port,
                const std::function<void(const std::string&)>& ready) {
  httplib::Server server;
  limit(server);
  server.set_socket_options(own_port);
  if (port == 0)
    port = server.bind_to_any_port("127.0.0.1");
  else if (!server.bind_to_port("127.0.0.1", port))
    port = -1;
  if (port <= 0)
    throw Error("--port", "the page cannot be served there: the port is taken or not allowed",
                "Name another one from 1024 to 65535, or 0 for any that is free.");
  WatchedText html(page.html), json(page.json);
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    // A list of ranges would have it send the page once for each.
    const bool ranges = request.has_header("Range");
    const bool loopback = is_loopback(request.get_header_value("Host"), port);
    if (loopback && request.method == "GET" && !ranges)
      return httplib::Server::HandlerResponse::Unhandled;
    response.status = !loopback ? 403 : ranges ? 416 : 405;
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Get("/", [&](const auto& request, auto& response) {
    html.answer(request, response, "text/html; charset=utf-8");
  });
  server.Get("/data.json", [&](const auto& request, auto& response) {
    json.answer(request, response, "application/json");
  });
  std::thread work([&] { server.listen_after_bind(); });
  // A stop before it runs would be lost.
  while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ready(fmt::format("http://127.0.0.1:{}/", port));
  while (!stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server.stop();
  work.join();
}

#else

void serve_page(const WatchedPage&, int, const std::function<void(const std::string&)>&) {
  throw Error("--watch", "this program was built without cpp-httplib, which serves the page",
              "Install it (Debian: libcpp-httplib-dev) and build again, or write the page once, "
              "without --watch.");
}

#endif

}  // namespace waiver
