import type { Engine } from './engine.ts'

/** Settings of one connection that differ from the defaults, by name. */
export type Settings = Map<string, string>

/**
 * Startup parameters that are settings but have no meaning on an engine that runs one statement at a time, in one
 * thread that no timer can interrupt.
 */
const WITHOUT_EFFECT = new Set([
  'user',
  'database',
  'replication',
  'options',
  'client_encoding',
  'application_name',
  'fallback_application_name',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
])

/** The settings that a connection asks for in its startup message, `options=-c name=value` included. */
export function startupSettings(parameters: ReadonlyMap<string, string>): Settings {
  const settings: Settings = new Map()
  const options = parameters.get('options') ?? ''
  for (const [, name, value] of options.matchAll(/(?:-c\s*|--)([\w.]+)=((?:\\.|\S)*)/g)) {
    settings.set(name!.toLowerCase(), value!.replace(/\\(.)/g, '$1'))
  }
  for (const [name, value] of parameters) settings.set(name.toLowerCase(), value)
  for (const name of settings.keys()) if (WITHOUT_EFFECT.has(name) || name.startsWith('_pq_.')) settings.delete(name)
  return settings
}

/** Reads what SET has changed since the defaults. */
export async function readSettings(engine: Engine): Promise<Settings> {
  const rows = await engine.query(
    `SELECT name, current_setting(name) FROM pg_settings WHERE source = 'session'
     UNION ALL SELECT 'role', current_setting('role') WHERE current_setting('role') <> 'none'`,
  )
  return new Map(rows.map(([name, value]) => [name ?? '', value ?? '']))
}

export async function resetSettings(engine: Engine): Promise<void> {
  await engine.query('RESET SESSION AUTHORIZATION')
  await engine.query('RESET ALL')
}

/** Applies settings one by one; one that the engine refuses does not take the others with it. */
export async function applySettings(engine: Engine, settings: Settings): Promise<void> {
  for (const [name, value] of settings) await engine.query(`SELECT set_config(${quote(name)}, ${quote(value)}, false)`)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
