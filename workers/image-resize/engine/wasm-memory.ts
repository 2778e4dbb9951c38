/**
 * Calls C decoders compiled to wasm without glue. Every image gets an instance of its own: instantiating takes a fraction of
 * a millisecond, no image can see the memory of another, and memory that a large one grew is given back with it.
 */
import { UndecodableImage } from './index.ts'

export interface CDecoder {
  /** Calls an exported function; pointers and lengths are plain numbers. */
  call(name: string, ...parameters: number[]): number
  /** Reserves memory. @throws UndecodableImage when there is none. */
  allocate(bytes: number): number
  /** Reserves memory and copies the bytes into it. */
  copyIn(bytes: Uint8Array): number
  /** A view of the memory as it is now; calls may move it, so take it late. */
  view(pointer: number, bytes: number): Uint8Array
  read32(pointer: number): number
}

/** What the C libraries import; none of it is needed to decode, and setjmp has no way back: an error becomes an exception. */
const refuse = (name: string) => () => {
  throw new UndecodableImage(`the decoder gave up (${name})`)
}
const IMPORTS = {
  env: { setjmp: () => 0, longjmp: refuse('longjmp') },
  wasi_snapshot_preview1: {
    proc_exit: refuse('proc_exit'),
    environ_sizes_get: () => 0,
    environ_get: () => 0,
    fd_close: () => 0,
    fd_seek: () => 0,
    // Warnings to stderr: accepted and dropped.
    fd_write: () => 0,
  },
}

export function instantiate(module: WebAssembly.Module): CDecoder {
  const { exports } = new WebAssembly.Instance(module, IMPORTS)
  const memory = exports.memory
  if (!(memory instanceof WebAssembly.Memory)) throw new Error('the decoder exports no memory')
  const call = (name: string, ...parameters: number[]): number => {
    const target = exports[name]
    if (typeof target !== 'function') throw new Error(`the decoder exports no ${name}`)
    return target(...parameters) as number
  }
  // Emscripten and wasi reactors initialise their statics here, where they have any.
  if ('_initialize' in exports) call('_initialize')
  const allocate = (bytes: number) => {
    const pointer = call('malloc', bytes)
    if (pointer === 0) throw new UndecodableImage('out of memory')
    return pointer
  }
  const view = (pointer: number, bytes: number) => new Uint8Array(memory.buffer, pointer >>> 0, bytes)
  return {
    call,
    allocate,
    copyIn(bytes) {
      const pointer = allocate(bytes.length)
      view(pointer, bytes.length).set(bytes)
      return pointer
    },
    view,
    read32: (pointer) => new DataView(memory.buffer).getUint32(pointer, true),
  }
}

/** Turns whatever a wasm call throws (traps too) into one kind of failure. */
export function decoding<T>(work: () => T): T {
  try {
    return work()
  } catch (fault) {
    if (fault instanceof UndecodableImage) throw fault
    throw new UndecodableImage('the decoder failed', { cause: fault })
  }
}
