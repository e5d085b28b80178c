#pragma once

namespace CLI {
class App;
}

namespace waiver {

// Each adds one verb with its options and what it does; what it does throws Error.
void add_train(CLI::App& app);
void add_sweep(CLI::App& app);
void add_eval(CLI::App& app);
void add_probe(CLI::App& app);
void add_intervene(CLI::App& app);
void add_sample(CLI::App& app);
void add_config(CLI::App& app);
void add_bench(CLI::App& app);
void add_doctor(CLI::App& app);

}  // namespace waiver
