// node.mjs MODULE SCRATCH: compiles the module; then, for each line of words on standard input that ends in the byte 4, runs
// them in a new instance, and answers with the output, the byte 30, the exit code, and the byte 4.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [END, CODE] = ['\x04', '\x1e'];
const [file, scratch] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(file));

function answer(output, code) {
  const bytes = Buffer.concat([output, Buffer.from(`${CODE}${code}${END}`)]);
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

// The words of the next line, or null at the end of input.
function line() {
  const byte = Buffer.alloc(1);
  let text = '';
  for (;;) {
    if (readSync(0, byte) === 0) return null;
    if (byte.toString('latin1') === END) return text.split(' ');
    text += byte.toString('latin1');
  }
}

async function run([program, ...words]) {
  const [nothing, output] = [openSync('/dev/null', 'r'), openSync(scratch, 'w')];
  const args = ['module', '--exact-exit', `--entrypoint=${program}`, '--', ...words];
  const options = { version: 'preview1', args, returnOnExit: true, stdin: nothing, stdout: output, stderr: output };
  const wasi = new WASI(options);
  const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
  const code = wasi.start(instance);
  [nothing, output].forEach(closeSync);
  return code;
}

answer(Buffer.alloc(0), 0);
for (let words; (words = line()) !== null;) {
  const code = await run(words);
  answer(readFileSync(scratch), code);
  globalThis.gc();
}
