import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { freePort } from './free-port.mjs'
import { livingBrokers } from './kafka-answer.mjs'
import { kafkaJars } from './kafka-jars.mjs'
import { startPrivateService } from './private-service.mjs'
import { requireProgram } from './programs.mjs'

/** A private Kafka, broker and controller in one; `properties` are further lines of its server.properties. */
export async function start({ folder, port, properties = {}, say } = {}) {
  const jars = path.join(await kafkaJars({ say }), '*')
  const java = requireProgram('java')
  const service = await startPrivateService('kafka', {
    folder,
    port,
    prepare: async ({ folder, port, run, write }) => {
      const settings = { ...serverProperties({ folder, port, controllerPort: await freePort() }), ...properties }
      const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
      write('server.properties', lines.join(''))
      write('log4j2.properties', LOGGING)
      const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'k') // "-…" would be read as an option
      const config = path.join(folder, 'server.properties')
      await run(java, '-cp', jars, logging(folder), 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config)
    },
    program: ({ folder }) => [
      java,
      '-Xmx512m',
      '-cp',
      jars,
      logging(folder),
      'kafka.Kafka',
      path.join(folder, 'server.properties'),
    ],
    answers: livingBrokers,
  })
  service.brokers = `127.0.0.1:${service.port}`
  return service
}

function serverProperties({ folder, port, controllerPort }) {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': path.join(folder, 'data'),
    'auto.create.topics.enable': false,
    // One broker cannot keep three replicas, and no test wants to wait for a second member of its group.
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
  }
}

function logging(folder) {
  return `-Dlog4j2.configurationFile=${path.join(folder, 'log4j2.properties')}`
}

// Standard output is the log file already.
const LOGGING = `rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
`
