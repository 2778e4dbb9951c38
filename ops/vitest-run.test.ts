import { expect, it } from 'vitest'
import { readReport, runKept } from './vitest-run.ts'

const file = (name: string, status: string, tests: Record<string, string>) => ({
  name: `/repo/${name}`,
  status,
  assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
})

it('names the tests that failed, and the files that did not load', () => {
  const json = {
    numPassedTests: 2,
    testResults: [
      file('core/a.test.ts', 'failed', { 'adds up': 'passed', 'takes away': 'failed' }),
      file('core/b.test.ts', 'failed', {}),
      file('core/c.test.ts', 'passed', { stays: 'passed', 'is left out': 'skipped' }),
    ],
  }
  expect(readReport(json, false, '/repo')).toEqual({
    passed: 2,
    failed: 2,
    skipped: ['is left out'],
    failures: ['core/a.test.ts › takes away', 'core/b.test.ts'],
  })
})

it('counts an error outside any test as a failure', () => {
  const json = { numPassedTests: 1, testResults: [file('core/a.test.ts', 'passed', { 'adds up': 'passed' })] }
  expect(readReport(json, false, '/repo')).toMatchObject({
    passed: 1,
    failed: 1,
    failures: [expect.stringContaining('outside any test')],
  })
  expect(readReport(json, true, '/repo')).toMatchObject({ passed: 1, failed: 0, failures: [] })
})

it('keeps what a command writes; one that is missing has failed', async () => {
  const program = "console.log('a line'); console.error('another'); process.exitCode = 3"
  const { passed, output } = await runKept(process.execPath, ['-e', program])
  expect({ passed, lines: output.split('\n').sort() }).toEqual({ passed: false, lines: ['a line', 'another'] })
  expect(await runKept('/nowhere/tsc', [])).toEqual({ passed: false, output: expect.stringContaining('ENOENT') })
})
