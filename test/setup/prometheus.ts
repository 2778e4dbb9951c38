/** A real Prometheus on the alerts' own rules, with times that a test can wait for. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { freePort } from '../../origin/embedded/free-port.ts'
import { until } from '../e2e/until.ts'

const RULES = join(import.meta.dirname, '../../ops/prometheus/alerts.yaml')

export const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0

interface Rule {
  alert: string
  expr: string
  for: string
}

export interface Prometheus {
  /** Names of the alerts that are firing now. */
  firing(): Promise<string[]>
  /** What an alert compares with its limit; null while nothing is known. */
  value(alert: string): Promise<number | null>
  close(): Promise<void>
}

/**
 * Scrapes /metrics once a second and evaluates every rule of ops/prometheus/alerts.yaml, of which only the time that a condition
 * must last (`for`) is shortened, to two seconds.
 * @param folder for its files
 * @param origin that is scraped, with the token that it wants
 */
export async function startPrometheus(
  folder: string,
  origin: { port: number; serviceToken: string },
): Promise<Prometheus> {
  const port = await freePort()
  const rules = writeRules(join(folder, 'rules.yaml'))
  const token = join(folder, 'token')
  writeFileSync(token, origin.serviceToken, { mode: 0o600 })
  const config = join(folder, 'prometheus.yaml')
  const targets = [`127.0.0.1:${origin.port}`]
  writeFileSync(
    config,
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: [
        { job_name: 'origin', authorization: { credentials_file: token }, static_configs: [{ targets }] },
      ],
    }),
  )
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'prometheus')}`, '--log.level=error']
  const server = spawn('prometheus', [...args, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const gone = once(server, 'exit')
  const close = async () => {
    server.kill('SIGKILL')
    await gone
  }
  try {
    await until('Prometheus is ready', () => isReady(server, port))
  } catch (error) {
    await close()
    throw error
  }
  return { ...asks(port, rules), close }
}

/** The rules as they are deployed, but for the time that they wait. */
function writeRules(file: string): Rule[] {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { name: string; rules: Rule[] }[] }
  const hasty = groups.map((group) => ({ ...group, rules: group.rules.map((rule) => ({ ...rule, for: '2s' })) }))
  writeFileSync(file, stringify({ groups: hasty }))
  return hasty.flatMap(({ rules }) => rules)
}

function asks(port: number, rules: readonly Rule[]): Pick<Prometheus, 'firing' | 'value'> {
  const ask = async <T>(path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string }
    if (status !== 'success') throw new Error(`Prometheus answered ${error}`)
    return data
  }
  return {
    async firing() {
      const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>('alerts')
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname)
    },
    async value(alert) {
      const rule = rules.find((each) => each.alert === alert)
      if (rule === undefined) throw new Error(`there is no alert ${alert}`)
      const compared = rule.expr.replace(/ [<>] [\d.]+$/, '')
      const { result } = await ask<{ result: { value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(compared)}`,
      )
      const value = Number(result[0]?.value[1] ?? Number.NaN)
      return Number.isNaN(value) ? null : value
    },
  }
}

async function isReady(server: ChildProcess, port: number): Promise<boolean> {
  if (server.exitCode !== null) throw new Error(`Prometheus ended with code ${server.exitCode}; its complaint is above`)
  const response = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => null)
  await response?.body?.cancel()
  return response?.ok ?? false
}
