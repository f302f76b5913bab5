using System.Runtime.InteropServices;

namespace CallServer.Server;

/// <summary>
/// Who may read the files that this process makes: the database, its log, CDR files. umask(2) holds for whoever makes
/// them, SQLite too.
/// </summary>
internal static class FileModes
{
    /// <summary>Files of 0640: the owner writes, the group reads, nobody else.</summary>
    public const int UsualMask = 0x17;

    /// <summary>An octal mask of three digits, with or without a zero before it, that keeps everybody else out; null for any
    /// other.</summary>
    public static int? Parse(string text)
    {
        if (text.Length is < 3 or > 4 || text.Any(digit => digit is < '0' or > '7'))
            return null;
        var mask = Convert.ToInt32(text, 8);
        return mask <= 0x1FF && (mask & 7) == 7 && (mask & 0x180) == 0 ? mask : null;
    }

    /// <summary>From now on; gives the mask before.</summary>
    public static int Mask(int mask) => OperatingSystem.IsWindows() ? mask : Umask(mask);

#pragma warning disable SYSLIB1054 // generated marshalling needs unsafe code; this is one call a process
    [DllImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Umask(int mask);
#pragma warning restore SYSLIB1054
}
