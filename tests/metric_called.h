#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "probe/metrics/metric.h"

namespace waiver {

/// A metric by its name in the registry.
inline std::unique_ptr<Metric> metric_called(std::string_view name) {
  for (const RegisteredMetric& entry : metrics())
    if (entry.name == name) return entry.make();
  FAIL("no metric is called " << std::string(name));
  return nullptr;
}

}  // namespace waiver
