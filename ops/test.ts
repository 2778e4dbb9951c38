/**
 * `npm test`: everything that needs no server, in the order in which it fails fastest. Each check counts as one test;
 * the last line adds up all runners: `N passed, N failed`.
 */
import { runThrough, runVitest } from './vitest-run.ts'

const CHECKS: [name: string, command: string, ...args: string[]][] = [
  ['format and lint', 'biome', 'ci', '.'],
  ['types of Node code', 'tsc', '-p', 'tsconfig.json'],
  ['types of the Workers', 'tsc', '-p', 'workers/tsconfig.json'],
  ['types of the page', 'tsc', '-p', 'web/tsconfig.json'],
  [
    'boundaries',
    'depcruise',
    '--config',
    '.dependency-cruiser.mjs',
    'core',
    'drizzle',
    'origin',
    'workers',
    'web',
    'bench',
    'ops',
    'test',
  ],
]

const total = { passed: 0, failed: 0 }
for (const [name, command, ...args] of CHECKS) {
  const started = Date.now()
  const passed = await runThrough(command, args)
  total[passed ? 'passed' : 'failed']++
  console.log(`${passed ? '✓' : '✗'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
}
// The browser (npm run test:browser) and the faults of servers (npm run test:fault) have runs of their own.
const vitest = await runVitest(['--project=!browser', '--project=!fault'])
total.passed += vitest.passed
total.failed += vitest.failed
if (vitest.skipped.length > 0) console.log(`${vitest.skipped.length} skipped, each with its reason above`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
