#include "report/assets.h"

namespace waiver {
namespace {

#include "page_files.inc"

}  // namespace

const PageFiles& page_files() {
  static constexpr PageFiles files{kPageHtml, kPageCss, kPageScripts, kD3, kD3Licence};
  return files;
}

}  // namespace waiver
