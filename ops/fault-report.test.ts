import { expect, it } from 'vitest'
import { faultsOfReads, faultsOfRun, type RowOfReads, sumOfReads, tableOfReads } from './fault-report.ts'

const row = (more: Partial<RowOfReads> = {}): RowOfReads => ({
  row: 'kafka',
  reads: 1_000,
  full: 1_000,
  degraded: 0,
  stale: 0,
  failed: 0,
  astray: 0,
  excused: 0,
  slowestMs: 700,
  pictures: 100,
  picturesFailed: 0,
  picturesExcused: 0,
  writes: 300,
  writesExcused: 0,
  ...more,
})

it('lets one read in a thousand fail, and one of a row that has fewer, but of all rows together no more than that', () => {
  expect(faultsOfReads(row({ failed: 1 }))).toEqual([])
  expect(faultsOfReads(row({ reads: 300, failed: 1 }))).toEqual([])
  expect(faultsOfReads(row({ failed: 2 }))).toEqual(['kafka: 2 of 1000 feeds were no whole page'])
  const short = Array.from({ length: 10 }, () => row({ reads: 300, failed: 1 }))
  expect(short.flatMap(faultsOfReads)).toEqual([])
  expect(faultsOfReads(sumOfReads(short))).toEqual(['all: 10 of 3000 feeds were no whole page'])
})

it('lets five reads in a hundred come from where the outage gives no reason to, and no picture of a cache be missing', () => {
  expect(faultsOfReads(row({ astray: 50, stale: 50 }))).toEqual([])
  expect(faultsOfReads(row({ astray: 51, stale: 51 }))).toHaveLength(1)
  // Where it does promise a stale page, none is astray.
  expect(faultsOfReads(row({ full: 0, stale: 1_000 }))).toEqual([])
  expect(faultsOfReads(row({ picturesFailed: 1 }))).toEqual(['kafka: 1 of 100 pictures did not open'])
})

it('judges what is left without the excused, and does not pass where they are more than one in ten', () => {
  const excused = (count: number, failed = 0) => [row({ full: 1_000 - count - failed, excused: count, failed })]
  expect(faultsOfRun(excused(100))).toEqual([])
  expect(faultsOfRun(excused(101))).toEqual(['not judged: 101 of 1000 feeds excused by a machine that was too busy'])
  expect(faultsOfRun([row({ picturesExcused: 11 })])).toHaveLength(1)
  // Of ten tries to write, one may be excused.
  expect(faultsOfRun([row({ writes: 90, writesExcused: 10 })])).toEqual([])
  expect(faultsOfRun([row({ writes: 90, writesExcused: 11 })])).toEqual([
    'not judged: 11 of 101 tries to write excused by a machine that was too busy',
  ])
  // Two failures are one in a thousand of two thousand, but not of what is judged of them.
  const both = [...excused(0, 2), row({ excused: 10 })]
  expect(faultsOfRun(both)).toEqual(['all: 2 of 1990 feeds were no whole page'])
  // An outage of one row among many may have been too much for the machine; what it did answer is judged.
  expect(faultsOfReads(row({ full: 498, excused: 500, failed: 2 }))).toHaveLength(1)
})

it('prints a line an outage, their sum, and what was read beside them', () => {
  const rows = [row(), row({ row: 'cassandra', full: 990, stale: 10, slowestMs: 900, excused: 20, failed: 0 })]
  const [header, , , all, calm, said] = tableOfReads(rows, [row({ row: 'afterwards' })]).split('\n')
  expect(header).toMatch(/reads +full +degraded +stale/)
  const cells = (line = '') => line.trim().split(/ +/).join(' ')
  expect(cells(all)).toBe('all outages 2000 1990 0 10 0 0 20 200 0 0 600 0 900')
  expect(cells(calm)).toBe('afterwards 1000 1000 0 0 0 0 0 100 0 0 300 0 700')
  expect(said).toBe(
    'Outages: whole pages 100.00 % of all reads, 100.00 % of those judged; stale 0.50 %; ' +
      'excused by a machine that was too busy 1.00 % of the reads; 0.00 % of the tries to write.',
  )
})

it('prints both shares, and says where it hardly judges', () => {
  const unanswered = tableOfReads([row({ full: 949, failed: 1, excused: 50 })])
  expect(unanswered).toContain('whole pages 94.90 % of all reads, 99.89 % of those judged')
  expect(unanswered).toContain('HARDLY JUDGED')
  expect(tableOfReads([row({ excused: 30 })])).not.toContain('HARDLY')
  expect(tableOfReads([row({ writesExcused: 10 })])).toContain('HARDLY JUDGED')
})
