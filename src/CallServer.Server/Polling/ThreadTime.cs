using System.Runtime.InteropServices;

namespace CallServer.Server.Polling;

/// <summary>
/// The processor time that a thread has used. Time spent waiting, or while the runtime collects garbage, is not
/// included.
/// </summary>
internal static partial class ThreadTime
{
    // clockid_t of CLOCK_THREAD_CPUTIME_ID in <time.h>.
    private const int LinuxClock = 3;
    private const int MacClock = 16;

    /// <summary>
    /// The processor time of this thread so far, to be compared with a later reading on the same thread; null if the
    /// system does not tell.
    /// </summary>
    public static TimeSpan? Used =>
        OperatingSystem.IsLinux() ? Read(LinuxClock)
        : OperatingSystem.IsMacOS() ? Read(MacClock)
        : null;

    private static TimeSpan? Read(int clock) =>
        Environment.Is64BitProcess && ClockGetTime(clock, out var time) == 0
            ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0)
            : null;

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    // struct timespec of a 64-bit system.
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TimeSpec
    {
        public readonly long Seconds;
        public readonly long Nanoseconds;
    }
}
