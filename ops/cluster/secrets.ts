/** The servers' passwords: made at the first `up` into the state folder, readable by its owner only. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NAMES = ['POSTGRES_PASSWORD', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const
export type ClusterSecrets = Readonly<Record<(typeof NAMES)[number], string>>

/** Hexadecimal, so that a password needs no escaping in a URL, a connection string or a JSON file. */
const make = (): ClusterSecrets => ({
  POSTGRES_PASSWORD: randomBytes(24).toString('hex'),
  S3_ACCESS_KEY_ID: `tideline${randomBytes(8).toString('hex')}`,
  S3_SECRET_ACCESS_KEY: randomBytes(24).toString('hex'),
})

export function clusterSecrets(folder: string): ClusterSecrets {
  const file = join(folder, 'secrets.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as ClusterSecrets
  const secrets = make()
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${file}.tmp`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.tmp`, file)
  return secrets
}
