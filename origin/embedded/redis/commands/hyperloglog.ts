import { ALL_KEYS, type Call, type CommandSpec, read, write } from '../command.ts'
import type { Database } from '../keyspace.ts'
import { OK, type Reply, ReplyError } from '../reply.ts'

/**
 * Cardinality sketches (Flajolet et al. 2007, counted with Ertl's improved estimator, arXiv 1702.01284): 2^14 registers, standard error 0.81 %.
 * A sketch is a string value of its own format, one byte a register after a header; the real server's packed form is not readable here.
 */
const HEADER = 'HLLT'
const REGISTER_BITS = 14
const REGISTERS = 1 << REGISTER_BITS
const RANK_BITS = 32

type Registers = Uint8Array

function load(db: Database, key: string): Registers | undefined {
  const text = db.read(key, 'string')?.toString()
  if (text === undefined) return undefined
  if (text.length !== HEADER.length + REGISTERS || !text.startsWith(HEADER)) {
    throw new ReplyError('WRONGTYPE Key is not a valid HyperLogLog string value.')
  }
  return Uint8Array.from(Buffer.from(text.slice(HEADER.length), 'latin1'))
}

function store(db: Database, key: string, registers: Registers): void {
  db.put(key, 'string', HEADER + Buffer.from(registers).toString('latin1'), true)
}

/** 32 bits of a text under a seed: FNV-1a with murmur's final mix. */
function hash(text: string, seed: number): number {
  let h = seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function pfadd({ db }: Call, argv: readonly string[]): Reply {
  const known = load(db, argv[1]!)
  const registers = known ?? new Uint8Array(REGISTERS)
  let changed = known === undefined
  for (const element of argv.slice(2)) {
    const register = hash(element, 0x811c9dc5) & (REGISTERS - 1)
    const rank = Math.clz32(hash(element, 0x9747b28c)) + 1
    if (rank <= registers[register]!) continue
    registers[register] = rank
    changed = true
  }
  if (changed) store(db, argv[1]!, registers)
  return Number(changed)
}

function union(db: Database, keys: readonly string[]): Registers {
  const merged = new Uint8Array(REGISTERS)
  for (const key of keys) {
    const registers = load(db, key)
    registers?.forEach((rank, index) => {
      if (rank > merged[index]!) merged[index] = rank
    })
  }
  return merged
}

function estimate(registers: Registers): number {
  const histogram = new Array<number>(RANK_BITS + 2).fill(0)
  for (const rank of registers) histogram[rank]!++
  let z = REGISTERS * tau(1 - histogram[RANK_BITS + 1]! / REGISTERS)
  for (let rank = RANK_BITS; rank >= 1; rank--) z = 0.5 * (z + histogram[rank]!)
  z += REGISTERS * sigma(histogram[0]! / REGISTERS)
  return Math.round((REGISTERS * REGISTERS) / (2 * Math.LN2 * z))
}

function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY
  let [power, weight, sum, before] = [x, 1, x, Number.NaN]
  while (sum !== before) {
    power *= power
    before = sum
    sum += power * weight
    weight += weight
  }
  return sum
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0
  let [root, weight, sum, before] = [x, 1, 1 - x, Number.NaN]
  while (sum !== before) {
    root = Math.sqrt(root)
    before = sum
    weight *= 0.5
    sum -= (1 - root) ** 2 * weight
  }
  return sum / 3
}

function pfmerge({ db }: Call, argv: readonly string[]): Reply {
  store(db, argv[1]!, union(db, argv.slice(1)))
  return OK
}

export const hyperloglogCommands: readonly CommandSpec[] = [
  write('pfadd', -2, pfadd),
  read('pfcount', -2, ({ db }, argv) => estimate(union(db, argv.slice(1))), ALL_KEYS),
  write('pfmerge', -2, pfmerge, ALL_KEYS),
]
