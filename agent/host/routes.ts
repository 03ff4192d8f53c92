// The main routing table, and the routes in it that are ours.
import { InvalidError } from '../lib/errors.ts';
import { errnoName } from './errors.ts';
import { formatIP, formatPrefix, type IPFamily, type IPPrefix, parseIP, parsePrefix } from './ip-address.ts';
import { errorOf } from './libc.ts';
import { requestChange, requestDump, requestOne } from './netlink.ts';
import {
  type NetlinkAttribute,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  parseAttributes,
  uint32,
} from './netlink-message.ts';

/** Marks our routes, so that a later run finds them again; not in the kernel's nor in iproute2's list (rt_protos). */
export const ROUTE_PROTOCOL = 107;

// linux/rtnetlink.h
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTMSG_BYTES = 12;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const RTNH_GATEWAY_OFFSET = 8;
const FAMILY_NUMBER = { 4: 2, 6: 10 } as const;

export interface Route {
  readonly family: IPFamily;
  /** CIDR; the default route is `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  readonly gateway: string | undefined;
  /** Interface index; of a route over several, the first. */
  readonly linkIndex: number | undefined;
  readonly preferredSource: string | undefined;
  /** rtm_protocol: who made it. */
  readonly protocol: number;
  readonly metric: number;
}

export interface RouteFilter {
  readonly family: IPFamily;
  readonly protocol?: number;
}

/** Unicast routes of the main table. */
export async function listRoutes({ family, protocol }: RouteFilter): Promise<readonly Route[]> {
  const what = `list IPv${family} routes`;
  const header = routeHeader({
    family,
    table: RT_TABLE_MAIN,
    ...(protocol === undefined ? {} : { protocol }),
  });
  return await requestDump(what, { type: RTM_GETROUTE, flags: 0, header }, ({ type, body }) => {
    // Older kernels do not filter.
    if (type !== RTM_NEWROUTE || !isMainUnicast(body)) return undefined;
    return protocol === undefined || body.readUInt8(5) === protocol ? parseRoute(body) : undefined;
  });
}

export interface RouteRequest {
  /** CIDR. */
  readonly destination: string;
  readonly gateway: string;
  /** Only where the gateway alone does not say it. */
  readonly linkIndex?: number;
}

export type EnsureRouteOutcome =
  | { readonly kind: 'added' | 'replaced' | 'unchanged' }
  /** Another program's route to the same destination goes elsewhere; it stays. */
  | { readonly kind: 'conflict'; readonly route: Route };

/** Routes `destination` via `gateway`. A gateway that cannot be reached directly is an UnavailableError. */
export async function ensureRoute(request: RouteRequest): Promise<EnsureRouteOutcome> {
  const prefix = parsePrefix(request.destination);
  const destination = formatPrefix(prefix);
  const added = await changeRoute(request, prefix, NLM_F_CREATE | NLM_F_EXCL);
  if (added === 'done') return { kind: 'added' };
  const present = (await listRoutes({ family: prefix.family })).filter(
    route => route.destination === destination,
  );
  const gateway = formatIP(parseIP(request.gateway).bytes);
  if (present.some(route => isSameWay(route, gateway, request.linkIndex))) return { kind: 'unchanged' };
  const foreign = present.find(route => route.protocol !== ROUTE_PROTOCOL);
  if (foreign) return { kind: 'conflict', route: foreign };
  await changeRoute(request, prefix, NLM_F_CREATE | NLM_F_REPLACE);
  return { kind: 'replaced' };
}

function isSameWay(route: Route, gateway: string, linkIndex: number | undefined): boolean {
  return route.gateway === gateway && (linkIndex === undefined || route.linkIndex === linkIndex);
}

async function changeRoute(
  request: RouteRequest,
  prefix: IPPrefix,
  flags: number,
): Promise<'done' | 'present'> {
  const { destination, gateway, linkIndex } = request;
  const { family, bytes } = parseIP(gateway);
  if (family !== prefix.family) {
    throw new InvalidError(`route ${destination} via ${gateway}: two address families`, { code: 'EINVAL' });
  }
  const attributes: NetlinkAttribute[] = [[RTA_GATEWAY, bytes]];
  if (linkIndex !== undefined) attributes.push([RTA_OIF, uint32(linkIndex)]);
  const what = `add route ${destination} via ${gateway}`;
  const errno = await requestChange(what, ownRoute(RTM_NEWROUTE, flags, prefix, attributes));
  if (errno === 0) return 'done';
  if (errnoName(errno) === 'EEXIST') return 'present';
  throw errorOf(what, errno);
}

/** Removes our route to `destination`; none there is done. Routes of others stay. */
export async function removeRoute(destination: string): Promise<void> {
  const what = `remove route ${destination}`;
  const errno = await requestChange(what, ownRoute(RTM_DELROUTE, 0, parsePrefix(destination), []));
  if (errno !== 0 && errnoName(errno) !== 'ESRCH') throw errorOf(what, errno);
}

/** How the kernel would send to an address; undefined when it has no route. */
export async function lookupRoute(address: string): Promise<Route | undefined> {
  const { family, bytes } = parseIP(address);
  const what = `look up route to ${address}`;
  const header = routeHeader({ family, prefixLength: bytes.length * 8 });
  const reply = await requestOne(what, {
    type: RTM_GETROUTE,
    flags: 0,
    header,
    attributes: [[RTA_DST, bytes]],
  });
  if (typeof reply !== 'number') return parseRoute(reply.body);
  if (['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL'].includes(errnoName(reply))) return undefined;
  throw errorOf(what, reply);
}

/** The default route with the lowest metric. */
export async function findDefaultRoute({
  family,
}: {
  readonly family: IPFamily;
}): Promise<Route | undefined> {
  const routes = await listRoutes({ family });
  return routes
    .filter(({ destination }) => destination.endsWith('/0'))
    .sort((a, b) => a.metric - b.metric)
    .at(0);
}

function ownRoute(
  type: number,
  flags: number,
  prefix: IPPrefix,
  attributes: readonly NetlinkAttribute[],
): NetlinkRequest {
  const { family, prefixLength, bytes } = prefix;
  const protocol = ROUTE_PROTOCOL;
  const isRemoval = type === RTM_DELROUTE;
  const header = routeHeader({
    family,
    prefixLength,
    table: RT_TABLE_MAIN,
    protocol,
    // A removal matches any type and scope but only our protocol.
    ...(isRemoval ? { scope: RT_SCOPE_NOWHERE } : { routeType: RTN_UNICAST }),
  });
  return { type, flags, header, attributes: [[RTA_DST, bytes], ...attributes] };
}

const RT_SCOPE_NOWHERE = 255;

interface RouteHeader {
  readonly family: IPFamily;
  readonly prefixLength?: number;
  readonly table?: number;
  readonly protocol?: number;
  readonly scope?: number;
  readonly routeType?: number;
}

// struct rtmsg
function routeHeader(fields: RouteHeader): Buffer {
  const { family, prefixLength = 0, table = 0, protocol = 0, scope = 0, routeType = 0 } = fields;
  const header = Buffer.alloc(RTMSG_BYTES);
  header.set([FAMILY_NUMBER[family], prefixLength, 0, 0, table, protocol, scope, routeType]);
  return header;
}

function isMainUnicast(body: Buffer): boolean {
  const table = parseAttributes(body, RTMSG_BYTES).get(RTA_TABLE)?.readUInt32LE(0) ?? body.readUInt8(4);
  return table === RT_TABLE_MAIN && body.readUInt8(7) === RTN_UNICAST;
}

/** The body of an RTM_NEWROUTE message. */
function parseRoute(body: Buffer): Route {
  const family = body.readUInt8(0) === FAMILY_NUMBER[6] ? 6 : 4;
  const attributes = parseAttributes(body, RTMSG_BYTES);
  const hop = firstHop(attributes.get(RTA_MULTIPATH));
  const gateway = attributes.get(RTA_GATEWAY) ?? hop?.gateway;
  const preferredSource = attributes.get(RTA_PREFSRC);
  return {
    family,
    destination: formatPrefix({
      bytes: attributes.get(RTA_DST) ?? Buffer.alloc(family === 4 ? 4 : 16),
      prefixLength: body.readUInt8(1),
    }),
    gateway: gateway && formatIP(gateway),
    linkIndex: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? hop?.linkIndex,
    preferredSource: preferredSource && formatIP(preferredSource),
    protocol: body.readUInt8(5),
    metric: attributes.get(RTA_PRIORITY)?.readUInt32LE(0) ?? 0,
  };
}

// struct rtnexthop: length, flags, hops, interface index, attributes. The first stands for all.
function firstHop(
  hops: Buffer | undefined,
): { readonly linkIndex: number; readonly gateway: Buffer | undefined } | undefined {
  if (!hops || hops.length < RTNH_GATEWAY_OFFSET) return undefined;
  const hop = hops.subarray(0, hops.readUInt16LE(0));
  return {
    linkIndex: hop.readInt32LE(4),
    gateway: parseAttributes(hop, RTNH_GATEWAY_OFFSET).get(RTA_GATEWAY),
  };
}
