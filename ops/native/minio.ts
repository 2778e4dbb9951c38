/** MinIO, built from its Go module: upstream publishes no builds any more. AGPL: it runs beside Tideline, and is no part of it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../cluster/tools.ts'
import { MINIO_MODULE, VERSIONS } from '../cluster/versions.ts'
import type { NativeEngine } from './engine.ts'

/** What its own build script stamps in, and `go install` leaves out: without it no running server knows its version. */
export const MINIO_LDFLAGS = `-s -w -X github.com/minio/minio/cmd.Version=${VERSIONS.minio}`

export const minio: NativeEngine = {
  source: 'Go modules, built here in 3 to 5 minutes',
  folder: `minio-${VERSIONS.minio.replaceAll(':', '')}`,
  async install(into) {
    const env = { GOBIN: into, CGO_ENABLED: '0' }
    await runTool('go', ['install', '-trimpath', '-ldflags', MINIO_LDFLAGS, MINIO_MODULE], { env })
  },
  async launch({ server, cluster, software, home }) {
    const data = join(home, 'data')
    mkdirSync(data, { recursive: true })
    return {
      command: join(software, 'minio'),
      args: ['server', '--quiet', '--address', `127.0.0.1:${server.port}`, data],
      env: {
        ...MINIO_ENVIRONMENT,
        MINIO_ROOT_USER: cluster.secrets.S3_ACCESS_KEY_ID,
        MINIO_ROOT_PASSWORD: cluster.secrets.S3_SECRET_ACCESS_KEY,
      },
    }
  },
}

/** No console, no look for updates, no word to its maker. */
export const MINIO_ENVIRONMENT = { MINIO_BROWSER: 'off', MINIO_UPDATE: 'off', MINIO_CALLHOME_ENABLE: 'off' } as const
