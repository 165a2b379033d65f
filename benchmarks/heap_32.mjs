// Loads compiled modules into MicroPython for WebAssembly (32 bits) and prints what stays on its heap:
//   node benchmarks/heap_32.mjs FOLDER STATEMENT...   one line of JSON: bytes allocated after each statement
// Between statements no Python runs, so a collection there sees no stack and keeps nothing by mistake.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const [folder, ...statements] = process.argv.slice(2);
const runtime = await loadMicroPython({ heapsize: 1 << 20, linebuffer: true });

function copy(from, to) {
  runtime.FS.mkdir(to);
  for (const name of readdirSync(from)) {
    const [source, target] = [`${from}/${name}`, `${to}/${name}`];
    if (statSync(source).isDirectory()) copy(source, target);
    else runtime.FS.writeFile(target, readFileSync(source));
  }
}

function allocated(statement) {
  runtime.runPython(statement);
  runtime.runPython("gc.collect()");
  runtime.runPython("used = gc.mem_alloc()");
  return runtime.globals.get("used");
}

process.on("uncaughtException", (error) => {
  console.error(String(error.message ?? error));
  process.exit(1);
});
copy(folder, "/box");
const before = allocated("import gc, sys; sys.path.insert(0, '/box'); assert sys.maxsize == 0x7FFFFFFF; used = 0");
console.log(JSON.stringify(statements.map((statement) => allocated(statement) - before)));
