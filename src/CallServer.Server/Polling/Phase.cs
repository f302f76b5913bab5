using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server.Polling;

/// <summary>
/// When a gateway is asked: at its own phase of the interval. The phase comes from its id, so that a fleet is spread
/// evenly and keeps the same instants after a restart.
/// </summary>
public static class Phase
{
    /// <summary>FNV-1a: gives the same value on every machine and in every run.</summary>
    public static ulong Hash(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        var hash = 14695981039346656037UL;
        Span<byte> octets = stackalloc byte[4];
        foreach (var rune in id.EnumerateRunes())
        foreach (var octet in octets[..rune.EncodeToUtf8(octets)])
            hash = (hash ^ octet) * 1099511628211UL;
        // The low bits of short ids differ little, so they are mixed.
        hash ^= hash >> 32;
        hash *= 0x9E3779B97F4A7C15UL;
        return hash ^ (hash >> 29);
    }

    /// <summary>The first instant of the gateway's phase after the given one.</summary>
    public static Instant Next(string id, TimeSpan interval, Instant after)
    {
        var step = interval.Ticks / TimeSpan.TicksPerMicrosecond;
        var phase = (long)(Hash(id) % (ulong)step);
        return new Instant(((FloorDivide(after.Micros - phase, step) + 1) * step) + phase);
    }

    /// <summary>
    /// Ticks at each instant of the phase from now on. Instants that the machine missed, asleep or overloaded, are
    /// skipped.
    /// </summary>
    public static IObservable<AuditCause> Ticks(
        string id,
        TimeSpan interval,
        IClock clock,
        IScheduler scheduler
    ) =>
        Observable.Defer(() =>
            Observable.Generate(
                Next(id, interval, clock.Now.Steady),
                _ => true,
                // A timer may fire a little early: never tick twice for the same instant.
                due => Next(id, interval, InstantModule.max(due, clock.Now.Steady)),
                _ => AuditCause.Interval,
                due => Until(due, clock.Now.Steady),
                scheduler
            )
        );

    private static TimeSpan Until(Instant due, Instant now) => due > now ? due - now : TimeSpan.Zero;

    private static long FloorDivide(long a, long b) => (a / b) - (a % b < 0 ? 1 : 0);
}
