import { inStatement, type Mutation, source } from './mutation.ts'

export const NODES: Mutation[] = [
  ...inStatement('register-nodes', [
    [
      'DO UPDATE SET last_heartbeat_at = now()',
      'DO NOTHING',
      'the ids come in the order of the nodes, whichever are new',
    ],
    [
      'ORDER BY node.position',
      'ORDER BY node.position DESC',
      'the ids come in the order of the nodes, whichever are new',
    ],
    [
      'SET last_heartbeat_at = now()',
      'SET last_heartbeat_at = kept.last_heartbeat_at',
      'what is known of a node stays, and it is noted that it is used',
    ],
    [
      'SET last_heartbeat_at = now()',
      'SET last_heartbeat_at = now(), status = excluded.status',
      'what is known of a node stays, and it is noted that it is used',
    ],
    [
      'SET last_heartbeat_at = now()',
      'SET last_heartbeat_at = now(), id = excluded.id',
      'what is known of a node stays, and it is noted that it is used',
    ],
    [
      'USING (family, url)',
      'USING (url)',
      'one address is another node for each family, and one family has a node for each address',
    ],
    [
      'USING (family, url)',
      'USING (family)',
      'one address is another node for each family, and one family has a node for each address',
    ],
    [
      'DO UPDATE SET last_heartbeat_at = now()',
      'DO NOTHING',
      'two workers that register a node at the same moment get the same id',
    ],
    [
      'FROM node ORDER BY family, url',
      'FROM node ORDER BY position',
      'workers that name the same nodes in opposite orders do not deadlock',
    ],
  ]),
  ...inStatement('report-node-calls', [
    [
      'WHEN errors >= $5::integer THEN',
      'WHEN errors > $5::integer THEN',
      'faults in a row are counted, and open the circuit when they are too many',
    ],
    ['    WHEN call.oks > 0 THEN 0\n', '', 'a success ends the row of faults'],
    [
      'seen.error_count + call.faults',
      'seen.error_count + least(call.faults, 1)',
      'several calls that are told of at once count each, and open the circuit for no longer',
    ],
    [
      'least(seen.error_count + call.faults, $5::integer)',
      'seen.error_count + call.faults',
      'several calls that are told of at once count each, and open the circuit for no longer',
    ],
    [
      'WHEN call.oks > 0 THEN',
      'WHEN call.oks > call.faults THEN',
      'a success among them shows that the faults were not in a row',
    ],
    ['ON call.node_id = seen.id', 'ON true', 'each node hears of its own calls only'],
    ['WHERE n.id = j.id', 'WHERE true', 'each node hears of its own calls only'],
    [
      '    WHEN seen.open AND call.probe_ok THEN 0\n',
      '',
      'a probe that succeeds closes the circuit, and the family is told',
    ],
    [
      "WHEN n.status = '429_LIMIT' THEN",
      'WHEN true THEN',
      'a probe that succeeds closes the circuit, and the family is told',
    ],
    [
      'greatest(seen.error_count, $5::integer) + 1',
      'greatest(seen.error_count, $5::integer)',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      'MAX_COOL_DOWN_MS = 300_000',
      'MAX_COOL_DOWN_MS = 600_000',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      'power(2, ',
      'power(1, ',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      `least(${source('errors')} - $5::integer, 20)`,
      `(${source('errors')} - $5::integer)`,
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      ' OR call.probe_fault\n',
      '\n',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      'greatest(seen.error_count, $5::integer) + 1',
      'seen.error_count + 1',
      'a probe that fails keeps the circuit open that a worker with less patience has opened',
    ],
    [
      '\n  WHERE NOT seen.open OR call.probe_ok OR call.probe_fault',
      '',
      'while the circuit is open only a probe is heard',
    ],
    [
      "bool_or(probe AND how <> 'fault')",
      "bool_or(how <> 'fault')",
      'while the circuit is open only a probe is heard',
    ],
    [
      "bool_or(probe AND how = 'fault')",
      "bool_or(how = 'fault')",
      'while the circuit is open only a probe is heard',
    ],
    [
      'max(rest_ms)',
      'min(rest_ms)',
      'a node that asks for a rest gets it, the longest that was asked for',
    ],
    [
      "    WHEN rest_until > now() THEN '429_LIMIT'\n",
      '',
      'a node that asks for a rest gets it, the longest that was asked for',
    ],
    ['Math.round(restMs)', 'restMs', 'a rest may be asked for in fractions of a millisecond'],
    [
      'greatest(seen.resting_until, now()',
      'greatest(now()',
      'a rest is kept while older calls end well, or end badly',
    ],
    [
      'greatest(seen.resting_until, now()',
      'coalesce(seen.resting_until, now()',
      'a rest is kept while older calls end well, or end badly',
    ],
    [
      'WHEN rest_until > now() THEN',
      'WHEN rest_until IS NOT NULL THEN',
      'a node that has rested may be called again once a call says so',
    ],
    [
      'greatest(j.rest_until, now() + $',
      'greatest(now() + $',
      'a rest is kept when the circuit opens meanwhile',
    ],
    [
      "new_status = 'HEALTHY' AND ",
      '',
      'a probe that is asked for a rest closes the circuit, but nobody is told before its end',
    ],
    [
      " AND old_status <> 'HEALTHY'",
      '',
      'a family is told once, and only when it could not be called before',
    ],
    [
      'SELECT DISTINCT family',
      'SELECT family',
      'a family is told once, and only when it could not be called before',
    ],
    [
      'ORDER BY n.id FOR UPDATE',
      'ORDER BY n.id',
      'faults that are told of at the same moment are all counted',
    ],
    [
      'ORDER BY n.id FOR UPDATE',
      'ORDER BY n.id',
      'a success that meets the opening of the circuit is not heard any more',
    ],
    [
      'ORDER BY n.id FOR UPDATE',
      'ORDER BY array_position($1::uuid[], n.id) FOR UPDATE',
      'reports that name the same nodes in opposite orders do not deadlock',
    ],
  ]),
  ...inStatement('end-waits-for-node', [
    [
      't.family = ANY ($1::text[])',
      '$1::text[] IS NOT NULL',
      'tasks that wait for a node of the families are due now, and are counted',
    ],
    [
      'SET run_after = now()',
      'SET run_after = t.run_after',
      'tasks that wait for a node of the families are due now, and are counted',
    ],
    [' AND t.run_after > now()', '', 'a second look finds none'],
    [
      't.waiting_since IS NOT NULL AND ',
      '',
      'a task that was put off for another reason keeps its time',
    ],
    [
      'ORDER BY t.run_after',
      'ORDER BY t.run_after DESC',
      'no more than the limit are due at a time, the earliest first',
    ],
    [
      'LIMIT $2::integer',
      'LIMIT 100 * $2::integer',
      'no more than the limit are due at a time, the earliest first',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      'FOR UPDATE',
      'a task that another is dealing with is left to it, and nobody waits',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      '',
      'a task that another is dealing with is left to it, and nobody waits',
    ],
  ]),
  ...inStatement(
    'end-waits-for-node',
    [
      [
        ' AND t.rung_at IS NULL',
        '',
        'with cold statistics nothing that is looked after is searched through the backlog',
      ],
    ],
    'lookout-plans',
  ),
]
