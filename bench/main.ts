/** `npm run bench -- NAME [--json] [--data FILE] …`: the last line is one JSON object of figures (with --json, only it). */
import { parseArgs } from 'node:util'
import type { Bench, BenchOptions } from './bench.ts'
import { capacityBench } from './capacity/index.ts'
import { countersBench } from './counters/index.ts'
import { fanoutBench } from './fanout/index.ts'
import { feedBench } from './feed/index.ts'
import { growthBench } from './growth/index.ts'
import { logBench } from './log/index.ts'
import { mixedBench } from './mixed/index.ts'
import { searchBench } from './search/index.ts'

const BENCHES: Record<string, Bench> = {
  feed: feedBench,
  fanout: fanoutBench,
  counters: countersBench,
  growth: growthBench,
  mixed: mixedBench,
  log: logBench,
  search: searchBench,
  capacity: capacityBench,
}

/** Length of a run where it is not ten seconds. */
const SECONDS: Record<string, number> = { mixed: 30 }

/** @throws Error with a sentence for what it does not know */
function commandLine(): { bench: Bench; options: BenchOptions } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      data: { type: 'string' },
      seconds: { type: 'string' },
      likes: { type: 'string' },
      full: { type: 'boolean', default: false },
      documents: { type: 'string' },
      svg: { type: 'string' },
      peer: { type: 'string' },
    },
  })
  const [name = ''] = positionals
  const bench = BENCHES[name]
  if (bench === undefined) {
    throw new Error(`There is no bench named "${name}". There are: ${Object.keys(BENCHES).join(', ')}.`)
  }
  const number = (option: 'seconds' | 'likes' | 'documents') => {
    const value = values[option]
    if (value !== undefined && !(Number(value) > 0)) throw new Error(`--${option} is a number above 0, not "${value}".`)
    return value === undefined ? null : Number(value)
  }
  const options: BenchOptions = {
    data: values.data ?? null,
    seconds: number('seconds') ?? SECONDS[name] ?? 10,
    likes: number('likes'),
    full: values.full,
    documents: number('documents'),
    svg: values.svg ?? null,
    peer: values.peer ?? null,
    say: values.json ? () => {} : (text) => console.log(text),
  }
  return { bench, options }
}

// Wrangler's harness tells of every batch of a queue on stdout, where only the figures belong.
process.env.WRANGLER_LOG ??= 'error'
try {
  const { bench, options } = commandLine()
  console.log(JSON.stringify(await bench(options)))
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
