using System.Runtime.InteropServices;

namespace CallServer.Server;

/// <summary>
/// Who may read the files that this process creates: the database, its log, CDR files. umask(2) covers them all,
/// including those that SQLite creates.
/// </summary>
internal static class FileModes
{
    /// <summary>Gives mode 0640: the owner writes, the group reads, others have no access.</summary>
    public const int UsualMask = 0x17;

    /// <summary>
    /// Parses an octal mask of three digits, optionally with a leading zero, that excludes everybody else; null for
    /// anything else.
    /// </summary>
    public static int? Parse(string text)
    {
        if (text.Length is < 3 or > 4 || text.Any(digit => digit is < '0' or > '7'))
            return null;
        var mask = Convert.ToInt32(text, 8);
        return mask <= 0x1FF && (mask & 7) == 7 && (mask & 0x180) == 0 ? mask : null;
    }

    /// <summary>Sets the mask for all files created from now on, and returns the previous one.</summary>
    public static int Mask(int mask) => OperatingSystem.IsWindows() ? mask : Umask(mask);

#pragma warning disable SYSLIB1054 // generated marshalling needs unsafe code; this is one call a process
    [DllImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Umask(int mask);
#pragma warning restore SYSLIB1054
}
