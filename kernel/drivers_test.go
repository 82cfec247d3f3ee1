package kernel

import (
	"strings"
	"testing"

	"floe/internal/arch"
)

// drivers are the machines that Floe promises to start on and to reach: what
// their network cards and disks are driven by. A vendor's menu stands before
// its drivers, which the kernel drops without it.
var drivers = []struct {
	what    string
	archs   []arch.Arch
	symbols string
}{
	// Network cards of machines.
	{"Intel's cards", arch.All(), "NET_VENDOR_INTEL E1000 E1000E IGB IGBVF IGC IXGBE IXGBEVF"},
	{"Intel's 700 series", arch.All(), "NET_VENDOR_INTEL I40E I40EVF"},
	{"Realtek's cards", arch.All(), "NET_VENDOR_REALTEK R8169 8139CP REALTEK_PHY"},
	{"Realtek's oldest cards", []arch.Arch{arch.AMD64}, "NET_VENDOR_REALTEK 8139TOO"},
	{"Broadcom's cards", arch.All(), "NET_VENDOR_BROADCOM TIGON3"},
	{"Broadcom's NetXtreme-C and -E", arch.All(), "NET_VENDOR_BROADCOM BNXT"},
	{"Raspberry Pi 4", []arch.Arch{arch.ARM64}, "NET_VENDOR_BROADCOM BCMGENET BROADCOM_PHY"},
	{"Aquantia's cards", arch.All(), "NET_VENDOR_AQUANTIA AQTION"},
	{"Atheros' cards", arch.All(), "NET_VENDOR_ATHEROS ALX ATL1C"},
	{"Marvell's cards", arch.All(), "NET_VENDOR_MARVELL SKY2"},
	{"cards of older PCs", []arch.Arch{arch.AMD64}, "NET_VENDOR_AMD PCNET32 NET_VENDOR_NVIDIA FORCEDETH"},

	// Network adapters on USB.
	{"Realtek on USB", arch.All(), "USB_NET_DRIVERS USB_RTL8152"},
	{"ASIX on USB", arch.All(), "USB_NET_DRIVERS USB_USBNET USB_NET_AX8817X USB_NET_AX88179_178A AX88796B_PHY"},
	{"Microchip on USB, and Raspberry Pi 3", arch.All(), "USB_NET_DRIVERS USB_USBNET USB_NET_SMSC95XX USB_LAN78XX SMSC_PHY MICROCHIP_PHY"},
	{"USB's own classes", arch.All(), "USB_NET_DRIVERS USB_USBNET USB_NET_CDCETHER USB_NET_CDC_NCM USB_NET_RNDIS_HOST"},

	// Networks of hypervisors and clouds.
	{"QEMU, KVM, most clouds", arch.All(), "VIRTIO_MENU VIRTIO_PCI VIRTIO_MMIO VIRTIO_NET"},
	{"VMware's network", arch.All(), "VMXNET3"},
	{"Hyper-V's and Azure's network", arch.All(), "HYPERV HYPERV_NET PCI_HYPERV"},
	{"Amazon's network", arch.All(), "NET_VENDOR_AMAZON ENA_ETHERNET"},
	{"Google's network", arch.All(), "NET_VENDOR_GOOGLE GVE"},
	{"Xen's network", []arch.Arch{arch.AMD64}, "XEN XEN_NETDEV_FRONTEND"},

	// Disks of machines.
	{"NVMe", arch.All(), "BLK_DEV_NVME"},
	{"NVMe behind Intel's RAID mode", []arch.Arch{arch.AMD64}, "VMD"},
	{"SATA", arch.All(), "ATA SATA_AHCI BLK_DEV_SD BLK_DEV_SR"},
	{"SATA that no bus tells of", []arch.Arch{arch.ARM64}, "SATA_AHCI_PLATFORM"},
	{"disks of older PCs", []arch.Arch{arch.AMD64}, "ATA_SFF ATA_BMDMA ATA_PIIX ATA_GENERIC"},
	{"memory cards", arch.All(), "MMC MMC_BLOCK MMC_SDHCI MMC_SDHCI_PCI MMC_SDHCI_ACPI"},
	{"memory cards of the Raspberry Pi", []arch.Arch{arch.ARM64}, "MMC_BCM2835 MMC_SDHCI_PLTFM MMC_SDHCI_IPROC MMC_SDHCI_BRCMSTB"},
	{"sticks and enclosures", arch.All(), "SCSI BLK_DEV_SD USB_STORAGE USB_UAS"},
	{"USB 3", arch.All(), "USB USB_PCI USB_XHCI_HCD"},
	{"USB 3 that no bus tells of", []arch.Arch{arch.ARM64}, "USB_XHCI_PLATFORM"},
	{"USB 2 and 1", arch.All(), "USB USB_PCI USB_EHCI_HCD USB_OHCI_HCD USB_OHCI_HCD_PCI"},
	{"USB 1 of Intel and VIA", []arch.Arch{arch.AMD64}, "USB_UHCI_HCD"},
	{"USB of the Raspberry Pi 3", []arch.Arch{arch.ARM64}, "USB_DWC2 USB_DWC2_HOST"},

	// What the drivers of a Raspberry Pi stand on.
	{"the firmware of the Raspberry Pi", []arch.Arch{arch.ARM64}, "MAILBOX BCM2835_MBOX RASPBERRYPI_FIRMWARE RASPBERRYPI_POWER CLK_RASPBERRYPI GPIO_RASPBERRYPI_EXP"},
	{"power and clocks of the Raspberry Pi", []arch.Arch{arch.ARM64}, "ARCH_BCM ARCH_BCM2835 BCM2835_POWER CLK_BCM2835 PINCTRL_BCM2835 DMA_BCM2835 BCM2835_WDT"},
	{"USB of the Raspberry Pi 4, behind PCIe", []arch.Arch{arch.ARM64}, "PCIE_BRCMSTB RESET_CONTROLLER RESET_RASPBERRYPI USB_PCI USB_XHCI_HCD"},
	{"what feeds a Raspberry Pi's memory card", []arch.Arch{arch.ARM64}, "REGULATOR REGULATOR_GPIO REGULATOR_FIXED_VOLTAGE GPIO_BRCMSTB"},
	{"memory that a Raspberry Pi 4's devices reach", []arch.Arch{arch.ARM64}, "ZONE_DMA ZONE_DMA32"},
	{"heat and clock speed of the Raspberry Pi", []arch.Arch{arch.ARM64}, "THERMAL_OF BCM2835_THERMAL BCM2711_THERMAL ARM_RASPBERRYPI_CPUFREQ"},
	{"chance of the Raspberry Pi 3 and 4", []arch.Arch{arch.ARM64}, "HW_RANDOM_BCM2835 HW_RANDOM_IPROC_RNG200"},

	// Consoles, and what servers tell by ACPI.
	{"a PC's serial ports", arch.All(), "SERIAL_8250 SERIAL_8250_CONSOLE SERIAL_8250_PCI SERIAL_8250_PNP"},
	{"serial ports of Arm machines", []arch.Arch{arch.ARM64}, "SERIAL_AMBA_PL011 SERIAL_AMBA_PL011_CONSOLE SERIAL_8250_DW SERIAL_OF_PLATFORM"},
	{"consoles of the Raspberry Pi", []arch.Arch{arch.ARM64}, "SERIAL_8250_EXTENDED SERIAL_8250_SHARE_IRQ SERIAL_8250_BCM2835AUX FB_SIMPLE"},
	{"servers' buses and interrupts", []arch.Arch{arch.ARM64}, "PNP PCI_HOST_GENERIC PCI_ECAM ARM_SMMU ARM_SMMU_V3 ARM_GIC_V3_ITS EFI_ZBOOT"},
	{"servers' processors", []arch.Arch{arch.ARM64}, "ACPI_CPPC_CPUFREQ ARM64_AMU_EXTN ARM_PMU ARM64_SVE ACPI_NUMA"},
	{"programs of 32 bits", []arch.Arch{arch.ARM64}, "COMPAT COMPAT_32BIT_TIME KUSER_HELPERS UID16"},

	// Disks of hypervisors and clouds.
	{"virtio's disks", arch.All(), "VIRTIO_BLK SCSI_VIRTIO"},
	{"Hyper-V's disks", arch.All(), "HYPERV_STORAGE"},
	{"Hyper-V's clock, power and memory", arch.All(), "HYPERV_UTILS HYPERV_BALLOON"},
	{"VMware's disks", []arch.Arch{arch.AMD64}, "VMWARE_PVSCSI"},
	{"Xen's disks", []arch.Arch{arch.AMD64}, "XEN_BLKDEV_FRONTEND"},
}

// TestDrivers: none of the drivers is lost in a change of the fragments.
func TestDrivers(t *testing.T) {
	asked := map[arch.Arch]map[string]string{}
	for _, a := range arch.All() {
		asked[a] = map[string]string{}
		for _, r := range merged(t, a) {
			asked[a][r.Symbol] = r.Value
		}
	}
	for _, d := range drivers {
		for _, a := range d.archs {
			for _, s := range strings.Fields(d.symbols) {
				if asked[a][s] != "y" {
					t.Errorf("%s, for %s: CONFIG_%s=y is not asked for", a, d.what, s)
				}
			}
		}
	}
}
