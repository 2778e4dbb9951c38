import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'

const folder = import.meta.dirname
const promtool = (...args: string[]) => spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' })
const isThere = promtool('--version').status === 0

interface Alert {
  alert: string
  annotations: { runbook: string }
}
interface Rules {
  groups: { rules: Alert[] }[]
}

it.skipIf(!isThere)('each alert fires for what it is for, after its time, and else is silent (needs promtool)', () => {
  const { status, stdout, stderr } = promtool('test', 'rules', 'alerts.test.yaml')
  expect(stdout + stderr).toContain('SUCCESS')
  expect(status).toBe(0)
})

it.skipIf(!isThere)('the example of a configuration is one, once the token has its file (needs promtool)', () => {
  const copy = mkdtempSync(join(tmpdir(), 'tideline-prometheus-'))
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
  for (const name of ['prometheus.yaml', 'alerts.yaml']) copyFileSync(join(folder, name), join(copy, name))
  writeFileSync(join(copy, 'service-token'), 'a token')
  const { status, stdout, stderr } = promtool('check', 'config', join(copy, 'prometheus.yaml'))
  expect(stdout + stderr).toContain('SUCCESS')
  expect(status).toBe(0)
})

it('each alert has a runbook and a condition that is tested', () => {
  const { groups } = parse(readFileSync(join(folder, 'alerts.yaml'), 'utf8')) as Rules
  const tests = readFileSync(join(folder, 'alerts.test.yaml'), 'utf8')
  const alerts = groups.flatMap(({ rules }) => rules)
  expect(alerts.map(({ alert }) => alert)).toEqual([
    'FeedSlow',
    'FeedDegraded',
    'TimelineHitRateLow',
    'FanoutSlow',
    'MediaQueueLong',
    'MediaJobsGivenUp',
    'ReplicationLag',
    'DeadLetters',
    'BreakerOpen',
  ])
  for (const { alert, annotations } of alerts) {
    expect(existsSync(join(folder, '../..', annotations.runbook)), annotations.runbook).toBe(true)
    expect(tests).toMatch(new RegExp(`alertname: ${alert}\\n *exp_alerts:\\n *- exp_labels`))
  }
})
