#pragma once

#include "cli/verb.h"

namespace waiver {

// Each adds one verb with its options and its action, which may throw Error.
void add_train(Verb& program);
void add_sweep(Verb& program);
void add_eval(Verb& program);
void add_probe(Verb& program);
void add_intervene(Verb& program);
void add_sample(Verb& program);
void add_show(Verb& program);
void add_log(Verb& program);
void add_report(Verb& program);
void add_import(Verb& program);
void add_export(Verb& program);
void add_config(Verb& program);
void add_plan(Verb& program);
void add_bench(Verb& program);
void add_doctor(Verb& program);
void add_completion(Verb& program);

}  // namespace waiver
